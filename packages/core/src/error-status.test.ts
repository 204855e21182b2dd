import { expect, it } from 'vitest';
import { errorStatus } from './error-status.ts';

it.each([
  [{ status: 429 }, 429],
  [{ statusCode: 503 }, 503],
  [{ response: { status: 404 } }, 404],
  [{ response: { statusCode: 404 } }, 404],
  [{ $metadata: { httpStatusCode: 400 } }, 400],
  [{ status: undefined, statusCode: 500 }, 500],
  [{ status: 'error', statusCode: 500 }, 500],
])('reads the status of %j', (error, status) => {
  expect(errorStatus(error)).toBe(status);
});

it.each([
  [{ status: 'ok' }],
  [{ status: '500' }],
  [{ status: 0 }],
  [{ status: 1_000 }],
  [{ status: Number.NaN }],
  [{ response: null }],
  [{ cause: { status: 500 } }],
  [null],
  [undefined],
  ['500'],
  [500],
])('finds no status in %j', (error) => {
  expect(errorStatus(error)).toBeUndefined();
});

it('does not throw when it is handed what throws', () => {
  const hostile = Object.defineProperty({}, 'status', {
    get() {
      throw new Error('no');
    },
  });
  expect(errorStatus(hostile)).toBeUndefined();
  expect(
    errorStatus(
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no');
          },
        },
      ),
    ),
  ).toBeUndefined();
});
