/** An answer that refuses a call, in the cloud's own words. `status` is the HTTP status. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
  }
}

/** The one way handlers say no: `throw refuse('InvalidGroup.Duplicate', ...)`. */
export function refuse(code: string, message: string, status = 400): ApiError {
  return new ApiError(code, message, status);
}

/** EC2's answer when a required parameter is absent. */
export function missing(parameter: string): ApiError {
  return refuse('MissingParameter', `The request must contain the parameter ${parameter}`);
}

/** ELBv2 refuses any malformed input with this code. */
export function invalid(message: string): ApiError {
  return refuse('ValidationError', message);
}
