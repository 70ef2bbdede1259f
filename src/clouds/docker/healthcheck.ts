/**
 * `client.health` as the health check of a container, for `docker ps`. An engine runs it as a command in the container, so it
 * can use only what the image has: with a shell it sees that the port listens, with bash or wget it asks, and where it cannot
 * tell it says nothing bad. A container without a shell gets none: what cannot be run counts as unhealthy.
 * https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
 */
import { answerPattern } from '../../haproxy/json-pattern.ts';
import type { HealthCheck } from '../cloud.ts';
import type { ContainerBody } from './container-body.ts';

/** What runs it. */
export const SHELL = '/bin/sh';

const second = 1_000_000_000;

export function healthcheckOf(health: HealthCheck): NonNullable<ContainerBody['Healthcheck']> {
  return {
    Test: ['CMD', SHELL, '-c', SCRIPT, 'health', ...argumentsOf(health)],
    Interval: health.intervalSeconds * second,
    // More than it takes: to begin it may take an engine a while.
    Timeout: 10 * second,
    Retries: 3,
  };
}

/** In the order in which the script names them. */
function argumentsOf({ protocol, port, path = '/', status = 200, call }: HealthCheck): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const asks = protocol === 'HTTP' || call !== undefined;
  if (!asks) return [hex, `${port}`];
  const uri = (call?.path ?? path).replaceAll(/[^\x21-\x7e]+/gu, encodeURIComponent);
  if (call === undefined) {
    const request = `GET ${uri} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    return [hex, `${port}`, BASH_SCRIPT, uri, `${status}`, request];
  }
  const { method, params = [] } = call;
  const body = inAscii(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  // In version 1.0 an answer comes in one piece, and ends with the connection.
  const head = `POST ${uri} HTTP/1.0\r\nHost: localhost\r\nContent-Type: ${json}\r\nContent-Length: ${body.length}\r\n\r\n`;
  const pattern = answerPattern(call.result);
  return [hex, `${port}`, BASH_SCRIPT, uri, '200', `${head}${body}`, body, pattern];
}

const json = 'application/json';

/** So that characters are bytes. */
function inAscii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * For any POSIX shell. The kernel tells who listens: columns of https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
 * What listens at the loopback address alone is there for nobody else. wget has to have a time limit: a process that outlives
 * the check would be left to the client, which may not know what to do with it. It follows redirects and tells no status that
 * is good, so it stands back where one of those is expected.
 */
const SCRIPT = `hex=$1 port=$2 script=$3 path=$4 status=$5 request=$6 body=$7 pattern=$8
fail() { echo "port $port: $1"; exit 1; }
known= listens=
for table in /proc/net/tcp /proc/net/tcp6; do
  [ -r "$table" ] || continue
  known=yes
  while read -r _ at _ state _; do
    case "$at $state" in
      0100007F:* | 00000000000000000000000001000000:*) ;;
      *":$hex 0A") listens=yes; break ;;
    esac
  done <"$table"
done
[ -n "$known" ] || exit 0
[ -n "$listens" ] || fail 'nobody listens'
[ -n "$request" ] || exit 0
self=
read -r self </proc/sys/kernel/hostname
while read -r ip names; do
  case " $names " in *" $self "*) break ;; esac
done </etc/hosts
[ -n "$ip" ] || ip=127.0.0.1
if command -v bash >/dev/null 2>&1; then
  exec bash -c "$script" health "$port" "$ip" "$status" "$request" "$pattern"
fi
help=$(wget --help 2>&1)
case "$help" in *post-data*) ;; *) exit 0 ;; esac
case "$help" in *-T*) limit='-T 4' ;; *) exit 0 ;; esac
case "$help" in *--tries*) limit="$limit -t 1" ;; esac
case "$ip" in *:*) ip="[$ip]" ;; esac
url="http://$ip:$port$path"
if [ -z "$pattern" ]; then
  case "$status" in 3*) exit 0 ;; esac
  if said=$(wget -q $limit -O /dev/null --header 'Host: localhost' "$url" 2>&1); then
    case "$status" in 2*) exit 0 ;; esac
  fi
  case "$said" in *" $status"*) exit 0 ;; esac
  fail "not answered with $status"
fi
said=$(wget -q $limit -O - --header 'Host: localhost' --header 'Content-Type: ${json}' --post-data "$body" "$url" 2>/dev/null) ||
  fail "not answered with $status"
command -v tr >/dev/null && command -v grep >/dev/null || exit 0
printf %s "$said" | tr -d '\\r\\n' | grep -Eq -e "$pattern" || fail 'not the answer expected'`;

/** bash speaks TCP by itself. Who wants another version of HTTP than ours cannot be asked, and is there. */
const BASH_SCRIPT = `port=$1 ip=$2 status=$3 request=$4 pattern=$5
fail() { echo "port $port: $1"; exit 1; }
exec 3<>"/dev/tcp/$ip/$port" || fail 'no connection'
printf %s "$request" >&3
end=$'\\n'
[ -z "$pattern" ] || end=
IFS= read -r -d "$end" -t 4 said <&3
case "$said" in
  HTTP/1.?" $status"[!0-9]*) ;;
  HTTP/1.?" 426"* | HTTP/1.?" 505"*) exit 0 ;;
  *) fail "not answered with $status" ;;
esac
[ -n "$pattern" ] || exit 0
[[ "\${said#*$'\\r\\n\\r\\n'}" =~ $pattern ]] || fail 'not the answer expected'`;
