import { type Call, type Clock, type Kept, reportFault, systemClock } from '@sluice/core';
import type { Observable } from 'rxjs';
import type { TrialResult } from './circuit.ts';
import type { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { CircuitSnapshot } from './circuit-snapshot.ts';
import type { CircuitState } from './circuit-state.ts';
import { StateStream } from './state-stream.ts';
import type { CallPermit, CircuitChange, CircuitStore, StoredCircuit } from './store.ts';
import type { WindowSnapshot } from './window-snapshot.ts';
import { newWindow } from './window-spec.ts';

/** What the circuits of one plugin share. */
export interface CircuitOwner {
  /** What the plugin is called. */
  readonly name: string;
  readonly clock: Clock;
  /** The time as of this turn of the event loop. */
  readonly turnTime: () => number;
  readonly store: CircuitStore;
  /** One of them is forgotten. */
  forgotten(circuit: KeyedCircuit): void;
}

/** The circuit of one key, as it is used here: it tells what happens to it, on the call that made it happen. */
export class KeyedCircuit implements Kept {
  readonly key: string;
  readonly stored: StoredCircuit;
  readonly owner: CircuitOwner;
  /** How many of the calls that it let through have not ended. */
  underWay = 0;
  /** Whether it was forgotten: then there may be another one. */
  closed = false;
  readonly #stopListening: () => void;
  readonly #stream: StateStream;
  #settings: CircuitSettings;
  /** The call on which something is done right now. */
  #cause: Call | null = null;
  /** What happened with no call to tell it on: the last of it, and what went wrong. The next call tells it. */
  #untold: CircuitChange | null = null;
  #fault: { readonly error: unknown } | null = null;
  /** True while what happens is nobody's business. */
  #quietly = false;
  /** What a window of another kind remembered, in case that one day it is of this kind. */
  #remembered: WindowSnapshot | undefined;
  /** When something was last done by hand. */
  #handledAt: number;

  constructor(key: string, settings: CircuitSettings, owner: CircuitOwner) {
    this.key = key;
    this.owner = owner;
    this.#settings = settings;
    this.#handledAt = owner.clock.now();
    this.stored = owner.store.circuit(`${owner.name}/${key}`, settings, {
      random: () => owner.clock.random(),
      fault: (error) => this.#failed(error),
    });
    this.#stream = new StateStream(owner, this.stored);
    this.#stopListening = this.stored.changes((change) => this.#changed(change));
  }

  get settings(): CircuitSettings {
    return this.#settings;
  }

  /** What happens to be let through without being asked; 0 when it has to be asked, or has something to tell. */
  get free(): number {
    return this.#untold === null && this.#fault === null ? this.stored.free : 0;
  }

  get state(): CircuitState {
    return this.stored.state(this.owner.clock.now());
  }

  /** What it does now, and each change, for as long as somebody listens. */
  get state$(): Observable<CircuitState> {
    return this.#stream.state$;
  }

  get idle(): boolean {
    return this.underWay === 0 && !this.#stream.heard && this.stored.idle(this.owner.clock.now());
  }

  close(): void {
    this.closed = true;
    this.owner.forgotten(this);
    this.#stopListening();
    this.stored.close();
  }

  // What calls do.

  permit(call: Call, now: number): ReturnType<StoredCircuit['permit']> {
    this.#tellLeft(call);
    const before = this.#cause;
    this.#cause = call;
    try {
      return this.stored.permit(now);
    } finally {
      this.#cause = before;
    }
  }

  crossedSlow(call: Call, permit: CallPermit): CallPermit {
    const before = this.#cause;
    this.#cause = call;
    try {
      return this.stored.crossedSlow(permit, this.owner.clock.now());
    } finally {
      this.#cause = before;
    }
  }

  report(call: Call, permit: CallPermit, result: TrialResult, now: number): void {
    const before = this.#cause;
    this.#cause = call;
    this.#report(call, permit, result, now);
    this.#cause = before;
  }

  /** The same, for a success among others while it is closed, which changes nothing. */
  succeeded(call: Call, permit: CallPermit, now: number): void {
    this.#report(call, permit, 'success', now);
  }

  #report(call: Call, permit: CallPermit, result: TrialResult, now: number): void {
    try {
      const told = this.stored.report(permit, result, now);
      if (told !== undefined)
        told.then(undefined, (error: unknown) => this.#couldNot('be told how a call ended', call, error));
    } catch (error) {
      this.#couldNot('be told how a call ended', call, error);
    }
  }

  #couldNot(what: string, call: Call, error: unknown): void {
    reportFault(call, this.owner.name, `has a store of circuits that could not ${what}`, error);
  }

  // What people do.

  trip(forMs?: number): void | PromiseLike<void> {
    const now = this.#byHand();
    return forMs === undefined ? this.stored.trip(now) : this.stored.trip(now, forMs);
  }

  isolate(): void | PromiseLike<void> {
    return this.stored.isolate(this.#byHand());
  }

  reset(): void | PromiseLike<void> {
    return this.stored.reset(this.#byHand());
  }

  configure(settings: CircuitSettings): void {
    const now = this.owner.clock.now();
    this.#settings = settings;
    this.stored.configure(settings, now);
    const window = this.#remembered;
    if (window?.type !== settings.window.type) return;
    this.#remembered = undefined;
    this.#silently(() => this.stored.restore({ ...this.stored.snapshot(now), window }, now));
  }

  /** Goes on where a snapshot left off. Its window counts once calls are judged by one of that kind. */
  restore(snapshot: CircuitSnapshot): void | PromiseLike<void> {
    const { window } = this.#settings;
    const fits = snapshot.window.type === window.type;
    this.#remembered = fits ? undefined : snapshot.window;
    const known = fits ? snapshot : { ...snapshot, window: newWindow(window).snapshot(0) };
    const now = this.#byHand();
    const restore = () => this.stored.restore(known, now);
    return this.stored.state(now) === snapshot.phase.state ? this.#silently(restore) : restore();
  }

  #byHand(): number {
    const { clock } = this.owner;
    // Whole, so that what is added to it can be taken from it again: another clock may go on from here.
    this.#handledAt = clock === systemClock ? Math.floor(clock.now()) : clock.now();
    return this.#handledAt;
  }

  /** Its time is that of another clock from now on: as if none had passed since it was last handled. */
  rebase(): void {
    const snapshot = this.stored.snapshot(this.#handledAt);
    this.#silently(() => this.stored.restore(snapshot, this.owner.clock.now()));
    this.#stream.check();
  }

  #silently<T>(act: () => T): T {
    this.#quietly = true;
    try {
      return act();
    } finally {
      this.#quietly = false;
    }
  }

  // What it tells.

  #changed(change: CircuitChange): void {
    if (!this.#quietly) {
      if (this.#cause !== null) this.#tell(this.#cause, change);
      // Of what happens between two calls, it is told where that led.
      else this.#untold = { ...change, from: this.#untold?.from ?? change.from };
    }
    this.#stream.check();
  }

  #failed(error: unknown): void {
    if (this.#cause === null) this.#fault ??= { error };
    else this.#reportFault(this.#cause, error);
  }

  /** Tells on a call what happened before it. */
  #tellLeft(call: Call): void {
    const change = this.#untold;
    const fault = this.#fault;
    this.#untold = this.#fault = null;
    if (change !== null) this.#tell(call, change);
    if (fault !== null) this.#reportFault(call, fault.error);
  }

  #reportFault(call: Call, error: unknown): void {
    reportFault(call, this.owner.name, 'met a fault beside a call', error);
  }

  #tell(call: Call, { from, to, because }: CircuitChange): void {
    const facts = { circuit: this.key, state: to, from, because };
    if (to === 'closed') call.emit('circuit.close', facts);
    else if (to === 'half-open') call.emit('circuit.half-open', facts);
    else call.emit('circuit.open', { ...facts, ...this.#comeBack() });
  }

  #comeBack(): { retryAfterMs?: number } {
    const at = this.stored.nextChangeAt;
    return at === undefined ? {} : { retryAfterMs: Math.max(0, Math.ceil(at - this.owner.clock.now())) };
  }
}

/** What a call may be answered with. */
export type PermitAnswer = CallPermit | CircuitRefusal;
