/**
 * What a machine boots with: one shell script for a whole batch. cloud-init runs it once, as root, at the first boot
 * of Amazon Linux 2023, Debian or Ubuntu; it leaves behind a systemd unit that keeps the workload running.
 * https://cloudinit.readthedocs.io/en/latest/explanation/format.html#user-data-script
 */
import { gzipSync } from 'node:zlib';
import { CloudError, type LaunchRequest, type Workload } from '../cloud.ts';
import { dockerCpus, dockerMemory } from './quantity.ts';
import { heredoc, quote, quoteRow, writeExactly } from './shell.ts';

/** Of the bytes before base64. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html */
const limitBytes = 16_384;

export type Rows = LaunchRequest['rows'];

/** The bytes to hand to RunInstances. Plain as long as they fit: people read user data in the console. */
export function userData(workload: Workload, rows: Rows): Buffer {
  const text = script(workload, rows);
  if (text.includes('\0'))
    throw refusal('NulByte', 'a value contains a NUL character, which no process can be given');
  const plain = Buffer.from(text);
  if (plain.length <= limitBytes) return plain;
  const packed = deterministicGzip(plain);
  if (packed.length <= limitBytes) return packed;
  throw refusal(
    'UserDataTooLarge',
    `user data for ${rows.length} machines has ${plain.length} bytes, ${packed.length} compressed; EC2 takes ${limitBytes}`,
  );
}

export function script(workload: Workload, rows: Rows): string {
  return `#!/bin/sh
# Made by Peerage. What it says while it runs is in /var/log/cloud-init-output.log.
set -eu
mkdir -p -m 700 /opt/peerage

persist() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then return 1; fi
    sleep 10
  done
}
${init(workload)}
install_with_apt() {
  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y docker.io curl
}
if ! command -v docker >/dev/null || ! command -v curl >/dev/null; then
  if command -v dnf >/dev/null; then
    persist dnf install -y docker
  elif command -v apt-get >/dev/null; then
    persist install_with_apt
  else
    echo 'no container runtime, and neither dnf nor apt-get to install one' >&2
    exit 1
  fi
fi

# All machines of a batch boot with this text; each picks its row by its position in the launch.
metadata=http://169.254.169.254/latest
ask_token() {
  session=$(curl -sf -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/api/token")
}
ask_index() {
  launch_index=$(curl -sf -m 5 -H "X-aws-ec2-metadata-token: $session" "$metadata/meta-data/ami-launch-index")
}
persist ask_token
persist ask_index
case "$launch_index" in
${rows.map(({ name, index }, position) => `${position}) node=${quote(name)} index=${index} ;;`).join('\n')}
*) echo "no row for launch index $launch_index" >&2; exit 1 ;;
esac
printf 'node=%s\\nindex=%s\\n' "$node" "$index" >/opt/peerage/row
${files(workload)}${logins(workload)}
${heredoc('/opt/peerage/run', launcher(workload))}
chmod 700 /opt/peerage/run
${heredoc('/etc/systemd/system/peerage.service', unit)}
chmod 644 /etc/systemd/system/peerage.service
systemctl daemon-reload
systemctl enable docker peerage
systemctl start docker
systemctl start --no-block peerage
`;
}

/** In a file and a shell of its own, so that neither an `exit` nor a variable of it reaches the rest. */
function init({ init: text }: Workload): string {
  if (text === undefined || text.trim() === '') return '';
  const lines = text.startsWith('#!') ? text : `#!/bin/sh\nset -e\n${text}`;
  return `
${heredoc('/opt/peerage/init', lines)}
chmod 700 /opt/peerage/init
/opt/peerage/init
`;
}

/** Mounted one by one. Everybody in the container may read them, and on the machine only root comes as far as their folder. */
function files(workload: Workload): string {
  const all = filesOf(workload);
  if (all.length === 0) return '';
  const lines = all.flatMap(({ at, content }) => [writeExactly(at, content), `chmod 444 ${at}`]);
  return `
mkdir -p -m 700 /opt/peerage/files
${lines.join('\n')}
`;
}

function filesOf({ files: plain, secretFiles }: Workload) {
  const all = [...plain, ...secretFiles.map(({ path, content }) => ({ path, content: content.reveal() }))];
  return all.map((file, position) => ({ ...file, at: `/opt/peerage/files/${position}` }));
}

/** The text is what Docker's own configuration file looks like. */
function logins({ registryLogins }: Workload): string {
  if (registryLogins === undefined) return '';
  return `
mkdir -p -m 700 /opt/peerage/docker
${heredoc('/opt/peerage/docker/config.json', registryLogins.reveal())}
chmod 600 /opt/peerage/docker/config.json
`;
}

/** https://docs.docker.com/reference/cli/docker/container/run/#pull */
const PULL = { Always: ['--pull always'], IfNotPresent: [], Never: ['--pull never'] } as const;

/** One value of `--mount`, which Docker reads as a line of CSV. */
function mount(at: string, path: string): string {
  const target = `target=${path}`;
  const field = /[",\n\r]/.test(target) ? `"${target.replaceAll('"', '""')}"` : target;
  return `type=bind,source=${at},${field},readonly`;
}

/**
 * Values stand in the arguments, in single quotes, because nothing else carries all of them: systemd's and Docker's
 * environment files both lose some line ends. The host's network is used as it is: peers see the machine's own address,
 * and `ports` needs no mapping.
 */
function launcher(workload: Workload): string {
  const { image, command, args, env, secrets, resources, pullPolicy, registryLogins } = workload;
  const [entrypoint, ...rest] = command ?? [];
  const values = [...env, ...secrets.map(({ name, value }) => ({ name, value: value.reveal() }))];
  const docker = registryLogins === undefined ? 'docker' : 'docker --config /opt/peerage/docker';
  const words = [
    `exec ${docker} run --rm --name peerage --network host --log-driver none`,
    '--env PEERAGE_NODE="$node" --env PEERAGE_INDEX="$index"',
    ...values.map(({ name, value }) => `--env ${quoteRow(`${name}=${value}`)}`),
    ...filesOf(workload).map(({ at, path }) => `--mount ${quote(mount(at, path))}`),
    ...PULL[pullPolicy],
    ...(resources?.cpu === undefined ? [] : [`--cpus ${dockerCpus(resources.cpu)}`]),
    ...(resources?.memory === undefined ? [] : [`--memory ${dockerMemory(resources.memory)}`]),
    ...(entrypoint === undefined ? [] : [`--entrypoint ${quoteRow(entrypoint)}`]),
    [image, ...rest, ...(args ?? [])].map(quoteRow).join(' '),
  ];
  return `#!/bin/sh
. /opt/peerage/row
docker rm --force peerage >/dev/null 2>&1 || true
${words.join(' \\\n  ')}
`;
}

/** What the workload prints goes to the journal, which keeps itself small: `journalctl -u peerage`. */
const unit = `[Unit]
Description=Peerage workload
Wants=network-online.target
Requires=docker.service
After=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/peerage/run
ExecStop=-/usr/bin/docker stop --time 30 peerage
Restart=always
RestartSec=5
TimeoutStopSec=45

[Install]
WantedBy=multi-user.target
`;

/** The header names the system it was made on (byte 9); the same text must give the same bytes everywhere. */
function deterministicGzip(plain: Buffer): Buffer {
  const packed = gzipSync(plain, { level: 9 });
  packed[9] = 255;
  return packed;
}

function refusal(reason: string, message: string): CloudError {
  return new CloudError({ api: 'RunInstances', code: 'invalid', outcome: 'none', reason, message });
}
