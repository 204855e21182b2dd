import { connectable, map, mergeWith, Observable, of, publish, Subject, type Subscription, share, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { EventStream, type Listener } from './event-stream.ts';

function make(): { stream: EventStream<number>; emit(n: number): void; threw: unknown[]; listeners(): number } {
  const threw: unknown[] = [];
  const listeners = new Set<Listener<number>>();
  const stream = new EventStream<number>(
    (error) => threw.push(error),
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  );
  return {
    stream,
    emit: (n) => {
      for (const listener of listeners) listener.next(n);
    },
    threw,
    listeners: () => listeners.size,
  };
}

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};
const own = (source: Observable<number>): Observable<number> =>
  new Observable((subscriber) => source.subscribe({ next: (n) => subscriber.next(n) }));

describe('an event stream', () => {
  it('hands its events to functions, observers and Subjects alike, until they unsubscribe', () => {
    const { stream, emit, listeners } = make();
    const got: unknown[] = [];
    const subject = new Subject<number>();
    subject.subscribe((n) => got.push(['subject', n]));
    const subscriptions = [
      stream.subscribe((n) => got.push(['function', n])),
      stream.subscribe({ next: (n) => got.push(['observer', n]) }),
      stream.subscribe(subject),
      stream.subscribe(),
    ];
    emit(1);
    for (const subscription of subscriptions) subscription.unsubscribe();
    emit(2);
    expect(got).toEqual([
      ['function', 1],
      ['observer', 1],
      ['subject', 1],
    ]);
    expect(listeners()).toBe(0);
  });

  it.each<[string, (stream: Observable<number>) => Subscription]>([
    ['at the stream itself', (stream) => stream.subscribe(fail)],
    ['in an observer', (stream) => stream.subscribe({ next: fail })],
    ['in a function that is async', (stream) => stream.subscribe(async () => fail())],
    ['behind an operator', (stream) => stream.pipe(map((n) => n)).subscribe(fail)],
    ['behind an operator that is applied by hand', (stream) => map((n: number) => n)(stream).subscribe(fail)],
    ['behind share()', (stream) => stream.pipe(share()).subscribe(fail)],
    ['behind mergeWith()', (stream) => stream.pipe(mergeWith(of())).subscribe(fail)],
    ['behind an operator of its own making', (stream) => stream.pipe(own).subscribe(fail)],
    [
      'behind operators after one of its own making',
      (stream) =>
        stream
          .pipe(
            own,
            map((n) => n),
          )
          .pipe()
          .subscribe(fail),
    ],
  ])('reports a listener that throws %s, and goes on', async (_, subscribe) => {
    const { stream, emit, threw } = make();
    const others: number[] = [];
    const subscription = subscribe(stream);
    stream.subscribe((n) => others.push(n));
    expect(() => emit(1)).not.toThrow();
    await Promise.resolve();
    expect(threw).toEqual([boom]);
    emit(2);
    expect(others).toEqual([1, 2]);
    expect(subscription.closed).toBe(false);
  });

  it('lets go of a listener that an operator has ended', () => {
    const { stream, emit, listeners } = make();
    const got: number[] = [];
    stream.pipe(take(1)).subscribe((n) => got.push(n));
    emit(1);
    expect(listeners()).toBe(0);
    expect(got).toEqual([1]);
  });

  it('reports an operator that throws, where nobody handles it', () => {
    const { stream, emit, threw } = make();
    const handled: unknown[] = [];
    stream.pipe(map(fail)).subscribe();
    stream.pipe(map(fail)).subscribe({ error: (error) => handled.push(error) });
    emit(1);
    expect(threw).toEqual([boom]);
    expect(handled).toEqual([boom]);
  });

  it('reports what throws while it hears of an error or of the end', () => {
    const { stream, threw } = make();
    const ends = (source: Observable<number>): Observable<number> => source.pipe(mergeWith(of(1)), () => of(1));
    stream.pipe(ends).subscribe({ complete: fail });
    stream.pipe(() => new Observable<number>((subscriber) => subscriber.error('x'))).subscribe({ error: fail });
    expect(threw).toEqual([boom, boom]);
  });

  it('tells whoever asks with three functions', () => {
    const { stream } = make();
    const got: unknown[] = [];
    stream
      .pipe(() => of(1))
      .subscribe(
        (n) => got.push(n),
        null,
        () => got.push('end'),
      );
    expect(got).toEqual([1, 'end']);
  });

  it('can be shared by connectable() and by publish()', () => {
    const { stream, emit } = make();
    const got: number[] = [];
    const one = connectable(stream);
    const other = stream.pipe(publish()) as ReturnType<typeof connectable<number>>;
    one.subscribe((n) => got.push(n));
    other.pipe(map((n) => n * 10)).subscribe((n) => got.push(n));
    one.connect();
    other.connect();
    emit(1);
    expect(got).toEqual([1, 10]);
  });
});
