import { CloudError, type CloudErrorCode } from '../../cloud.ts';

export function isCode(thrown: unknown, code: CloudErrorCode): thrown is CloudError {
  return thrown instanceof CloudError && thrown.code === code;
}

/** The name is that of somebody else's. */
export function nameTaken(api: string, what: string): CloudError {
  return new CloudError({
    api,
    code: 'alreadyExists',
    outcome: 'none',
    reason: 'NameTaken',
    message: `there is a ${what} that is not ours; it is left alone`,
  });
}
