import { type Allowance } from '../../common/allowance.js';
import { type Principal } from '../../common/principal.js';

/** Who is limited: whoever is known by the name of a key or a token, else an address. */
export interface LimitedCaller {
  principal?: Pick<Principal, 'name' | 'kind'> | undefined;
  address: string;
}

/** RATE_LIMIT, for every transport. Where there is none, undefined is injected. */
export abstract class RateLimits {
  /** What one request may take. Of an HTTP request the guard has asked, and its context has it. */
  abstract allowanceOf(caller: LimitedCaller): Allowance;
}
