import type { ApiName } from './call.ts';
import type { ApiError } from './errors.ts';
import { leaf, node } from './xml.ts';

/** How one API writes its answers. */
export interface Protocol {
  readonly contentType: string;
  answer(action: string, content: string, requestId: string): string;
  refusal(error: ApiError, requestId: string): string;
  /** What an unknown access key is told. */
  readonly unknownKey: { readonly code: string; readonly message: string; readonly status: number };
}

const xmlHead = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** https://docs.aws.amazon.com/ec2/latest/devguide/making-api-requests.html */
const ec2: Protocol = {
  contentType: 'text/xml;charset=UTF-8',
  answer: (action, content, requestId) =>
    `${xmlHead}<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${leaf('requestId', requestId)}${content}</${action}Response>`,
  refusal: (error, requestId) =>
    xmlHead +
    node(
      'Response',
      node('Errors', node('Error', leaf('Code', error.code), leaf('Message', error.message))),
      leaf('RequestID', requestId),
    ),
  unknownKey: {
    code: 'AuthFailure',
    message: 'AWS was not able to validate the provided access credentials',
    status: 401,
  },
};

const json: Protocol = {
  contentType: 'application/x-amz-json-1.1',
  answer: (_, content) => content,
  refusal: (error) => JSON.stringify({ __type: error.code, message: error.message }),
  unknownKey: {
    code: 'UnrecognizedClientException',
    message: 'The security token included in the request is invalid.',
    status: 400,
  },
};

export const protocols: Readonly<Record<ApiName, Protocol>> = {
  ec2,
  elasticloadbalancing: query('http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/'),
  sts: query('https://sts.amazonaws.com/doc/2011-06-15/'),
  ssm: json,
};

/** https://smithy.io/2.0/aws/protocols/aws-query-protocol.html */
function query(namespace: string): Protocol {
  return {
    contentType: 'text/xml',
    answer: (action, content, requestId) =>
      `<${action}Response xmlns="${namespace}"><${action}Result>${content}</${action}Result>` +
      `<ResponseMetadata>${leaf('RequestId', requestId)}</ResponseMetadata></${action}Response>`,
    refusal: (error, requestId) =>
      `<ErrorResponse xmlns="${namespace}"><Error>` +
      leaf('Type', error.status < 500 ? 'Sender' : 'Receiver') +
      leaf('Code', error.code) +
      leaf('Message', error.message) +
      `</Error>${leaf('RequestId', requestId)}</ErrorResponse>`,
    unknownKey: {
      code: 'InvalidClientTokenId',
      message: 'The security token included in the request is invalid.',
      status: 403,
    },
  };
}
