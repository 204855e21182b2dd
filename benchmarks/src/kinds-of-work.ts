import { from, type Observable, of } from 'rxjs';

/** Work in one of the forms that work comes in. */
export interface KindOfWork {
  /** Starts it: what is given to Sluice. */
  work(): unknown;
  /** Starts it and awaits its result, with nothing around it. */
  bare(): unknown;
  /** Starts it as an Observable. */
  rx(): Observable<unknown>;
}

const VALUE = 42;
const ITEMS = 100;

const sync = () => VALUE;
const promise = async () => VALUE;
const asynchronous = () => new Promise((resolve) => setImmediate(resolve, VALUE));
async function* stream() {
  for (let index = 0; index < ITEMS; index++) yield index;
}

async function collect(): Promise<number[]> {
  const items: number[] = [];
  for await (const item of stream()) items.push(item);
  return items;
}

export const kindsOfWork = {
  sync: { work: sync, bare: sync, rx: () => of(sync()) },
  promise: { work: promise, bare: promise, rx: () => from(promise()) },
  asynchronous: { work: asynchronous, bare: asynchronous, rx: () => from(asynchronous()) },
  stream: { work: stream, bare: collect, rx: () => from(stream()) },
} satisfies Record<string, KindOfWork>;
