/**
 * `$(VAR)` in texts that users write, as Kubernetes has it in `command`, `args` and `env`. Pure.
 * https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */

export interface Expanded {
  readonly text: string;
  /** Names that nobody has a value for, in their order, each once. They stay in the text as they are. */
  readonly unknown: readonly string[];
}

/** Of a dollar sign that begins a reference, escapes another, or is neither. A name goes to the first `)`, whatever is in it. */
const reference = /\$(?:\$|\(([^)]*)\))/gs;

/**
 * `$(NAME)` gives way to its value, which is not looked into again. `$$` is one `$` that begins nothing, so `$$(NAME)`
 * stays `$(NAME)`. All else stays as it is: `$NAME`, `${NAME}`, `$(NAME` and references to names without a value.
 */
export function expand(text: string, lookUp: (name: string) => string | undefined): Expanded {
  const unknown = new Set<string>();
  const expanded = text.replace(reference, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    const value = lookUp(name);
    if (value === undefined) unknown.add(name);
    return value ?? whole;
  });
  return { text: expanded, unknown: [...unknown] };
}

/** Names a text refers to, known or not, each once. */
export function referencesIn(text: string): readonly string[] {
  return expand(text, () => undefined).unknown;
}
