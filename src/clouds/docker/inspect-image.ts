import type Docker from 'dockerode';

/** The part of the HTTP client below that is in use. */
interface Line {
  dial(
    options: {
      readonly path: string;
      readonly method: 'GET';
      readonly statusCodes: Readonly<Record<number, string | true>>;
      readonly abortSignal: AbortSignal;
    },
    callback: (error: Error | null, answer: unknown) => void,
  ): void;
}

/** As the client's own `inspect` of an image, which heeds no signal: what is called off would go on. */
export function inspectImage(docker: Docker, name: string, abortSignal: AbortSignal): Promise<unknown> {
  const line: Line = docker.getImage(name).modem;
  const statusCodes = { 200: true, 404: 'no such image', 500: 'server error' } as const;
  return new Promise((resolve, reject) => {
    line.dial({ path: `/images/${name}/json`, method: 'GET', statusCodes, abortSignal }, (error, answer) => {
      if (error === null || error === undefined) resolve(answer);
      else reject(error);
    });
  });
}
