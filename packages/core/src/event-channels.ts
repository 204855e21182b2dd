import { type Channel, channel } from 'node:diagnostics_channel';
import type { SluiceEvent } from './events.ts';

/** What each channel's name begins with. */
const PREFIX = 'sluice:';

/** Every type of event that has a channel of its own; what users emit themselves goes to `sluice:user`. */
const TYPES = (
  'run.start run.end stage.start stage.item stage.end stage.skip tool.start tool.item tool.end function.start function.item ' +
  'function.end attempt.start attempt.end verdict timeout timeout.soft heartbeat progress partial cleanup.error cleanup.late ' +
  'orphan orphan.end late queue.enter queue.leave queue.full queue.timeout rate.wait rate.limited rate.pause retry.wait ' +
  'retry.giveup fallback idempotency.hit circuit.open circuit.half-open circuit.close circuit.reject blocked warning user'
).split(' ');

/**
 * The events on `node:diagnostics_channel`, for tracers and monitors that know nothing of runners: one channel for each type.
 *
 * Whether anybody subscribes is known without asking forty channels each time: each tells when it is subscribed to.
 */
class EventChannels {
  /** Whether any channel has subscribers. */
  active = false;
  readonly #channels = new Map<string, Channel>();

  constructor() {
    for (const type of TYPES) {
      const one = channel(PREFIX + type);
      this.#watch(one);
      this.#channels.set(type, one);
    }
    this.#look();
  }

  publish(event: SluiceEvent): void {
    const one = this.#channels.get(event.type) ?? this.#channels.get('user');
    if (one?.hasSubscribers) one.publish(event);
  }

  #look(): void {
    this.active = [...this.#channels.values()].some(({ hasSubscribers }) => hasSubscribers);
  }

  /**
   * A channel changes its class when it is first subscribed to, so what it inherits is looked up each time. Another copy of the package
   * may watch it already.
   */
  #watch(one: Channel): void {
    for (const method of ['subscribe', 'unsubscribe', 'bindStore', 'unbindStore'] as const) {
      const watched: unknown = Object.getOwnPropertyDescriptor(one, method)?.value;
      Object.defineProperty(one, method, {
        configurable: true,
        writable: true,
        value: (...args: unknown[]): unknown => {
          const answer: unknown = Reflect.apply(
            (watched ?? Object.getPrototypeOf(one)[method]) as () => unknown,
            one,
            args,
          );
          this.#look();
          return answer;
        },
      });
    }
  }
}

/** The channels of this process. */
export const channels: EventChannels = new EventChannels();
