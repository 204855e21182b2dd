// Measures one part in this process, hands the figures to the parent, and ends, whatever is still in flight.
import { once } from 'node:events';
import type { Order } from './processes.ts';
import { suites } from './suites.ts';

const [order] = (await once(process, 'message')) as [Order];
const part = suites.find(({ name }) => name === order.suite)?.parts.find(({ name }) => name === order.part);
if (part === undefined) throw new Error(`There is no ${order.suite}/${order.part}`);
const figures = await part.measure(order.effort);
process.send?.(figures, undefined, undefined, () => process.exit());
