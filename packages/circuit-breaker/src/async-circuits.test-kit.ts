import { Circuit, type Permit, type TrialResult } from './circuit.ts';
import type { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { CircuitSnapshot } from './circuit-snapshot.ts';
import type { CircuitState } from './circuit-state.ts';
import type { CircuitStats } from './circuit-stats.ts';
import type { CircuitChange, CircuitStore, CircuitStoreHost, StoredCircuit } from './store.ts';

/** What can be asked of it. */
export type Asked = 'permit' | 'report' | 'trip' | 'isolate' | 'reset' | 'restore';

type Send = <T>(what: Asked, act: () => T) => Promise<T>;

/** What is there of a key. */
interface There {
  readonly circuit: Circuit;
  readonly clients: Set<(change: CircuitChange) => void>;
}

/** A store in another process, as far as anybody here can tell: everything it is asked takes a way there and back, and it may fail. */
export class AsyncCircuits implements CircuitStore {
  /** What it fails at: then nothing has been done. */
  fails: (what: Asked) => boolean = () => false;
  /** Whether it is not even there to be asked. */
  gone = false;
  /** How often each thing was asked. */
  readonly asked: Record<string, number> = {};
  readonly #way: () => Promise<unknown>;
  readonly #there = new Map<string, There>();

  /** @param way - how long it takes to get there, or back */
  constructor(way: () => Promise<unknown> = () => Promise.resolve()) {
    this.#way = way;
  }

  circuit(key: string, settings: CircuitSettings, host: CircuitStoreHost): StoredCircuit {
    if (this.gone) throw new Error('the store is gone');
    return new FarCircuit(this.#at(key, settings, host), (what, act) => this.#send(what, act), host);
  }

  #at(key: string, settings: CircuitSettings, host: CircuitStoreHost) {
    const known = this.#there.get(key);
    if (known !== undefined) return known;
    const clients = new Set<(change: CircuitChange) => void>();
    const circuit = new Circuit(settings, {
      random: host.random,
      fault: host.fault,
      changed: (from, to, because) => {
        for (const tell of [...clients]) void this.#way().then(() => clients.has(tell) && tell({ from, to, because }));
      },
    });
    const made = { circuit, clients };
    this.#there.set(key, made);
    return made;
  }

  #send<T>(what: Asked, act: () => T): Promise<T> {
    if (this.gone) throw new Error('the store is gone');
    return this.#sent(what, act);
  }

  async #sent<T>(what: Asked, act: () => T): Promise<T> {
    this.asked[what] = (this.asked[what] ?? 0) + 1;
    await this.#way();
    if (this.fails(what)) throw new Error(`the store failed at ${what}`);
    const answer = act();
    await this.#way();
    return answer;
  }
}

class FarCircuit implements StoredCircuit {
  readonly free = 0;
  readonly resolutionMs = 0;
  readonly #there: There;
  readonly #send: Send;
  readonly #host: CircuitStoreHost;
  /** Permits that have become others meanwhile. */
  readonly #slow = new Map<object, Permit>();

  constructor(there: There, send: Send, host: CircuitStoreHost) {
    this.#there = there;
    this.#send = send;
    this.#host = host;
  }

  get nextChangeAt(): number | undefined {
    return this.#circuit.nextChangeAt;
  }

  get #circuit(): Circuit {
    return this.#there.circuit;
  }

  permit(now: number): Promise<{ permit: Permit } | CircuitRefusal> {
    return this.#send('permit', () => {
      const answer = this.#circuit.permit(now);
      return typeof answer === 'object' && 'because' in answer ? answer : { permit: answer };
    });
  }

  crossedSlow(permit: object, now: number): object {
    this.#send('report', () => {
      this.#slow.set(permit, this.#circuit.crossedSlow((permit as { permit: Permit }).permit, now));
    }).catch((error: unknown) => this.#host.fault(error));
    return permit;
  }

  report(permit: object, result: TrialResult, now: number): Promise<void> {
    return this.#send('report', () => {
      this.#circuit.report(this.#slow.get(permit) ?? (permit as { permit: Permit }).permit, result, now);
      this.#slow.delete(permit);
    });
  }

  trip(now: number, forMs?: number): Promise<void> {
    return this.#send('trip', () => this.#circuit.trip(now, forMs));
  }

  isolate(now: number): Promise<void> {
    return this.#send('isolate', () => this.#circuit.isolate(now));
  }

  reset(now: number): Promise<void> {
    return this.#send('reset', () => this.#circuit.reset(now));
  }

  restore(snapshot: CircuitSnapshot, now: number): Promise<void> {
    return this.#send('restore', () => this.#circuit.restore(snapshot, now));
  }

  state(now: number): CircuitState {
    return this.#circuit.state(now);
  }

  tick(now: number): void {
    this.#circuit.tick(now);
  }

  configure(settings: CircuitSettings, now: number): void {
    this.#circuit.configure(settings, now);
  }

  idle(now: number): boolean {
    return this.#circuit.idle(now);
  }

  stats(now: number): CircuitStats {
    return this.#circuit.stats(now);
  }

  snapshot(now: number): CircuitSnapshot {
    return this.#circuit.snapshot(now);
  }

  changes(listener: (change: CircuitChange) => void): () => void {
    this.#there.clients.add(listener);
    return () => this.#there.clients.delete(listener);
  }

  close(): void {}
}
