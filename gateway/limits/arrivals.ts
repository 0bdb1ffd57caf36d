/** The first limit that a request meets: that of its address, before anything is asked about it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { quotaFields, type TellQuotas } from './quota-fields.ts';
import type { Arrival, RequestLimits } from './request-limits.ts';

/** A request on its way, as it is marked here. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  address?: string;
  tellQuotas?: TellQuotas;
}

/** Marks each request with its address, and with what tells its client what is left of limits; answers none. */
export function arrivals(limits: RequestLimits): (exchange: Exchange) => boolean | Promise<boolean> {
  return (exchange) => {
    exchange.tellQuotas = quotaFields(exchange.response);
    const mark = ({ address }: Arrival): boolean => {
      exchange.address = address;
      return false;
    };
    const arrived = limits.arrive(exchange.request, exchange.tellQuotas);
    return arrived instanceof Promise ? arrived.then(mark) : mark(arrived);
  };
}
