import { expect, it } from 'vitest';
import { statusIn, wordIn } from './marks.ts';

it.each<[string, object, number | undefined]>([
  ['status', { status: 404 }, 404],
  ['statusCode', { statusCode: 503 }, 503],
  ['response.status', { response: { status: 429 } }, 429],
  ['code', { code: 404 }, 404],
  ['error.code', { error: { code: 403 } }, 403],
  ['status before code', { status: 503, code: 404 }, 503],
  ['no code of a process', { code: 127 }, undefined],
  ['no code beyond', { code: 600 }, undefined],
  ['no text', { status: '404', code: '404' }, undefined],
])('a status: %s', (_, error, status) => {
  expect(statusIn(error)).toBe(status);
});

it.each<[string, object]>([
  ['code', { code: 'w' }],
  ['type', { code: 'other', type: 'w' }],
  ['status', { status: 'w' }],
  ['error', { error: { code: 'w' } }],
  ['error of an error', { error: { type: 'error', error: { type: 'w' } } }],
  ['data', { data: { error: { code: 'w' } } }],
  ['the data of a response', { response: { data: { error: { type: 'w' } } } }],
])('a word: in %s', (_, error) => {
  expect(wordIn(error, (word) => word === 'w')).toBe('w');
  expect(wordIn(error, (word) => word === 'v')).toBeUndefined();
});

it('an answer that holds itself comes to an end', () => {
  const answer: { error?: unknown } = {};
  answer.error = answer;
  expect(wordIn({ error: answer }, () => true)).toBeUndefined();
});
