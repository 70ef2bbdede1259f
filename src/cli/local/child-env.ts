/** Variables that a program needs to run at all, and that say nothing about the user's clouds or clusters. */
const harmless = ['PATH', 'TMPDIR', 'TZ', 'LANG', 'SystemRoot'] as const;

/**
 * The environment of a child: the harmless part of ours, an empty home folder, and what it is told. Nothing else gets in,
 * so no AWS_PROFILE, KUBECONFIG or proxy of the user can send a rehearsal to a real cloud or cluster.
 */
export function childEnv(
  home: string,
  told: Readonly<Record<string, string>>,
  own: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const kept = harmless.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]]));
  return { ...Object.fromEntries(kept), HOME: home, ...told };
}
