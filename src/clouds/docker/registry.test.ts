import { expect, test } from 'vitest';
import { loginFor, referenceOf } from './registry.ts';

test.each([
  ['node', { repository: 'node', tag: 'latest' }],
  ['team/node:1.2', { repository: 'team/node', tag: '1.2' }],
  ['localhost/node', { repository: 'localhost/node', tag: 'latest', registry: 'localhost' }],
  [
    'registry.example:5000/a/node',
    { repository: 'registry.example:5000/a/node', tag: 'latest', registry: 'registry.example:5000' },
  ],
  [
    'registry.example/node:1@sha256:0123',
    { repository: 'registry.example/node', tag: 'sha256:0123', registry: 'registry.example' },
  ],
])('%s is read as an engine reads it', (image, reference) => {
  expect(referenceOf(image)).toEqual(reference);
});

const index = 'https://index.registry.example/v1/';
const auth = (user: string) => ({ auth: Buffer.from(`${user}:pass:word`).toString('base64') });
const loginOf = (image: string, auths: object) =>
  loginFor(referenceOf(image), JSON.stringify({ auths }), index);

test('finds the login by the registry of the image', () => {
  const auths = { 'a.example': auth('a'), 'b.example:5000': auth('b') };
  expect(loginOf('b.example:5000/node', auths)).toEqual({
    username: 'b',
    password: 'pass:word',
    serveraddress: 'b.example:5000',
  });
  expect(loginOf('c.example/node', auths)).toBeUndefined();
});

test('prefers the most exact of several', () => {
  const auths = { 'a.example': auth('all'), 'https://a.example/team': auth('team') };
  expect(loginOf('a.example/team/node', auths)).toMatchObject({ username: 'team' });
  expect(loginOf('a.example/other/node', auths)).toMatchObject({ username: 'all' });
});

test('an image without a registry goes by the engine’s own, however the key spells it', () => {
  for (const key of [index, 'index.registry.example', 'registry.example'])
    expect(loginOf('team/node', { [key]: auth('me') })).toMatchObject({
      username: 'me',
      serveraddress: index,
    });
  expect(loginOf('team/node', { 'other.example': auth('me') })).toBeUndefined();
});

test('a star stands for one part of a host', () => {
  expect(loginOf('eu.a.example/node', { '*.a.example': auth('me') })).toMatchObject({ username: 'me' });
  expect(loginOf('x.eu.a.example/node', { '*.a.example': auth('me') })).toBeUndefined();
});

test('takes a name and password apart from each other, or a token', () => {
  const plain = { username: 'me', password: 'secret' };
  expect(loginOf('a.example/node', { 'a.example': plain })).toMatchObject(plain);
  expect(loginOf('a.example/node', { 'a.example': { identitytoken: 'token' } })).toEqual({
    identitytoken: 'token',
    serveraddress: 'a.example',
  });
});

test.each([
  ['no JSON', 'planted-secret'],
  ['no logins', '{"planted-secret": 1}'],
  ['half a login', '{"auths": {"a.example": {"password": "planted-secret"}}}'],
])('says without quoting it that a Secret holds %s', (_, text) => {
  const read = () => loginFor(referenceOf('a.example/node'), text, index);
  expect(read).toThrow(expect.objectContaining({ code: 'invalid', reason: 'UnusableRegistryLogins' }));
  expect(read).not.toThrow('planted');
});
