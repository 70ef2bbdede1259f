import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Credentials, createCredentials, type Identity, writeKubeconfig } from './credentials.ts';
import { findControllerManager, findControlPlane } from './find.ts';
import { freePort, retryWhenPortWasTaken } from './free-port.ts';
import type { OnProgress } from './go-build.ts';
import { type KubectlResult, runKubectl } from './kubectl.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { startWatchdog } from './watchdog.ts';

export interface ControlPlaneOptions {
  readonly onProgress?: OnProgress;
  /** Folder with etcd, kube-apiserver and kubectl; default: `findControlPlane`. */
  readonly dir?: string;
  /** Records every request at `auditLogPath`, one JSON event a line, level Metadata. */
  readonly audit?: boolean;
  /** Runs garbage collection, namespace removal, default service accounts, Deployments and ReplicaSets. */
  readonly controllerManager?: boolean;
}

/** A real, empty Kubernetes API server on 127.0.0.1 that forgets everything when it stops. */
export interface ControlPlane {
  readonly url: string;
  /** A user of group system:masters. */
  readonly kubeconfigPath: string;
  readonly kubectlPath: string;
  readonly caPem: string;
  readonly auditLogPath?: string;
  /** Writes a kubeconfig that identifies as someone else, and answers its path. It vanishes with the control plane. */
  kubeconfigFor(identity: Identity): Promise<string>;
  /** The same for the bearer of a token, such as a service account's. */
  kubeconfigForToken(token: string): Promise<string>;
  /** Runs kubectl as the administrator. Never rejects for what kubectl answers: look at `code`. */
  kubectl(args: readonly string[], options?: { readonly input?: string }): Promise<KubectlResult>;
  /** Ends all processes and removes all files. May be called twice. */
  stop(): Promise<void>;
}

const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

/** Starts etcd and kube-apiserver, in about five seconds once the programs are there. They die with this process. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const onProgress = options.onProgress ?? (() => {});
  const programs = options.dir ?? (await findControlPlane({ onProgress })).dir;
  const managerDir = options.controllerManager
    ? await findControllerManager(programs, onProgress)
    : undefined;

  const dir = await mkdtemp(join(tmpdir(), 'peerage-control-plane-'));
  const watchdog = startWatchdog(dir);
  const servers: ServerProcess[] = [];
  // Nothing of the user's environment gets in: no KUBECONFIG, no proxy, no home folder.
  const env = { PATH: process.env.PATH, HOME: dir };
  const stop = async () => {
    // Nothing is worth saving, so nothing gets the time to save it.
    await Promise.all(servers.map((server) => server.stop('SIGKILL')));
    watchdog.release();
    await rm(dir, { recursive: true, force: true });
  };
  const start = async (
    name: string,
    command: string,
    args: readonly string[],
    isReady: () => Promise<boolean>,
  ) => {
    servers.push(
      await startServerProcess({ name, command, args, env, cwd: dir, isReady, onSpawn: watchdog.guard }),
    );
  };

  try {
    const credentials = await createCredentials(join(dir, 'credentials'));
    const admin = await credentials.issue({ user: 'peerage-admin', groups: ['system:masters'] });

    const etcdUrl = await retryWhenPortWasTaken(async () => {
      const url = `http://127.0.0.1:${await freePort()}`;
      await start(
        'etcd',
        join(programs, 'etcd'),
        etcdArgs(dir, url),
        async () => (await fetch(`${url}/health`)).ok,
      );
      return url;
    });

    const auditLogPath = options.audit ? join(dir, 'audit.log') : undefined;
    const policyPath = join(dir, 'audit-policy.json');
    await writeFile(policyPath, JSON.stringify(auditPolicy));
    const url = await retryWhenPortWasTaken(async () => {
      const port = await freePort();
      const args = [
        ...apiServerArgs(credentials, etcdUrl, port),
        `--cert-dir=${dir}`,
        ...(auditLogPath
          ? [
              `--audit-policy-file=${policyPath}`,
              `--audit-log-path=${auditLogPath}`,
              '--audit-log-maxsize=10000',
            ]
          : []),
      ];
      const ready = () => answersOk(`https://127.0.0.1:${port}/readyz`, credentials.caPem, admin);
      await start('kube-apiserver', join(programs, 'kube-apiserver'), args, ready);
      return `https://127.0.0.1:${port}`;
    });

    const kubeconfigs = join(dir, 'kubeconfigs');
    await mkdir(kubeconfigs);
    const kubeconfigPath = join(kubeconfigs, 'admin');
    await writeKubeconfig(kubeconfigPath, url, credentials.caPem, admin);
    let kubeconfigCount = 0;
    const nextKubeconfig = () => join(kubeconfigs, String(++kubeconfigCount));

    if (managerDir !== undefined) {
      const manager = join(managerDir, 'kube-controller-manager');
      await retryWhenPortWasTaken(async () => {
        const port = await freePort();
        await start('kube-controller-manager', manager, managerArgs(credentials, kubeconfigPath, port), () =>
          answersOk(`https://127.0.0.1:${port}/healthz`, credentials.caPem, admin),
        );
      });
    }

    const kubectlPath = join(programs, 'kubectl');
    return {
      url,
      kubeconfigPath,
      kubectlPath,
      caPem: credentials.caPem,
      ...(auditLogPath === undefined ? {} : { auditLogPath }),
      kubeconfigFor: async (identity) => {
        const file = nextKubeconfig();
        await writeKubeconfig(file, url, credentials.caPem, await credentials.issue(identity));
        return file;
      },
      kubeconfigForToken: async (token) => {
        const file = nextKubeconfig();
        await writeKubeconfig(file, url, credentials.caPem, { token });
        return file;
      },
      kubectl: (args, { input } = {}) => runKubectl({ kubectlPath, kubeconfigPath, args, input }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function etcdArgs(dir: string, url: string): string[] {
  return [
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServerArgs(credentials: Credentials, etcdUrl: string, port: number): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--client-ca-file=${credentials.caFile}`,
    `--tls-cert-file=${credentials.servingCertFile}`,
    `--tls-private-key-file=${credentials.servingKeyFile}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${credentials.tokenPublicKeyFile}`,
    `--service-account-signing-key-file=${credentials.tokenPrivateKeyFile}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    // Without the controller that makes the default ServiceAccount it would refuse every Pod.
    '--disable-admission-plugins=ServiceAccount',
    '--endpoint-reconciler-type=none',
    '--profiling=false',
  ];
}

function managerArgs(credentials: Credentials, kubeconfigPath: string, port: number): string[] {
  return [
    `--kubeconfig=${kubeconfigPath}`,
    `--authentication-kubeconfig=${kubeconfigPath}`,
    `--authorization-kubeconfig=${kubeconfigPath}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--client-ca-file=${credentials.caFile}`,
    `--tls-cert-file=${credentials.servingCertFile}`,
    `--tls-private-key-file=${credentials.servingKeyFile}`,
    '--controllers=garbagecollector,namespace,serviceaccount,deployment,replicaset',
    '--leader-elect=false',
  ];
}

function answersOk(url: string, ca: string, client: { readonly certPem: string; readonly keyPem: string }) {
  return new Promise<boolean>((resolve, reject) => {
    const options = { ca, cert: client.certPem, key: client.keyPem, agent: false, timeout: 2_000 };
    const asked = request(url, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject);
    asked.end();
  });
}
