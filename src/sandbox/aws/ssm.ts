import type { Call, Handlers } from './call.ts';
import { imageOfParameter } from './ec2/catalogue.ts';
import { refuse } from './errors.ts';

/** The public parameters that name images. https://docs.aws.amazon.com/linux/al2023/ug/ec2.html */
export const ssmHandlers: Handlers = {
  GetParameter: (call) => {
    const name = call.params.text('Name') ?? '';
    const parameter = read(call, name);
    if (parameter === undefined) throw refuse('ParameterNotFound', `Parameter ${name} not found.`);
    return JSON.stringify({ Parameter: parameter });
  },
  GetParameters: (call) => {
    const names = call.params.texts('Names');
    if (names.length > 10) throw refuse('ValidationException', 'At most 10 names can be asked for at once');
    const found = names.map((name) => ({ name, parameter: read(call, name) }));
    return JSON.stringify({
      Parameters: found.flatMap(({ parameter }) => (parameter === undefined ? [] : [parameter])),
      InvalidParameters: found.flatMap(({ name, parameter }) => (parameter === undefined ? [name] : [])),
    });
  },
};

function read(call: Call, name: string) {
  const image = imageOfParameter(call.region.name, name);
  if (image === undefined) return undefined;
  return {
    ARN: `arn:aws:ssm:${call.region.name}::parameter${name}`,
    DataType: 'text',
    // Seconds, as the JSON protocol writes times.
    LastModifiedDate: Date.parse(image.createdAt) / 1000,
    Name: name,
    Type: 'String',
    Value: image.id,
    Version: 1,
  };
}
