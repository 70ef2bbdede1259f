type Log = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** One line per call: fields first, then a message in the past tense. Pino fits it. */
export interface Logger {
  debug: Log;
  info: Log;
  warn: Log;
  error: Log;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
