/** How rates are counted, by clocks that the tests move. */
import { describe, expect, test } from 'vitest';
import { trustedProxies } from '#gateway/auth/trusted-proxies.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { clientAddress, networkOf } from '#gateway/limits/client-address.ts';
import { Concurrency } from '#gateway/limits/concurrency.ts';
import { quotaFields, type NamedCharge } from '#gateway/limits/quota-fields.ts';
import { readRate, type Rates } from '#gateway/limits/rate-names.ts';
import { Refusals } from '#gateway/limits/refusals.ts';
import { RequestLimits } from '#gateway/limits/request-limits.ts';
import { limitSignIns } from '#gateway/limits/sign-ins.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { gcra, intervalOf, type Rate } from '#subgraphs/shared/rates/gcra.ts';
import { MemoryRates } from '#subgraphs/shared/rates/memory.ts';
import { fc } from '#tests/setup/property.ts';

const rate: Rate = { count: 10, windowMs: 1_000, burst: 10 };

describe('the generic cell rate algorithm', () => {
  test('lets a burst pass, and then one for each interval', () => {
    let tat: number | undefined;
    const passed: number[] = [];
    for (let now = 0; now <= 1_000; now += 10) {
      // Three a time: far more than there is.
      for (let each = 0; each < 3; each++) {
        const decision = gcra(tat, now, rate);
        if (decision.allowed) passed.push(now);
        tat = decision.tat;
      }
    }
    expect(passed.filter((at) => at < 100)).toHaveLength(10);
    expect(passed.slice(10)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
  });

  const rates = fc.record({
    count: fc.integer({ min: 1, max: 1_000 }),
    windowMs: fc.integer({ min: 1, max: 100_000 }),
    burst: fc.integer({ min: 1, max: 1_000 }),
  });
  /** Steps of a clock, some of which go back, and what is taken after each. */
  const steps = (back: number) =>
    fc.array(fc.record({ by: fc.integer({ min: -back, max: 5_000 }), weight: fc.integer({ min: 0, max: 20 }) }), {
      maxLength: 60,
    });

  test('never lets more pass in any time than the burst and what that time gives back', () => {
    fc.assert(
      fc.property(rates, steps(0), (of, taken) => {
        let [now, tat]: [number, number | undefined] = [0, undefined];
        const passed: { at: number; weight: number }[] = [];
        for (const { by, weight } of taken) {
          now += by;
          const decision = gcra(tat, now, of, weight);
          tat = decision.tat;
          if (decision.allowed) passed.push({ at: now, weight: Math.min(weight, of.burst) });
        }
        for (let from = 0; from < passed.length; from++) {
          let sum = 0;
          for (let to = from; to < passed.length; to++) {
            sum += passed[to]!.weight;
            expect(sum).toBeLessThanOrEqual(of.burst + (passed[to]!.at - passed[from]!.at) / intervalOf(of) + 1e-2);
          }
        }
      }),
    );
  });

  test('says truly when to come again, and what is left', () => {
    fc.assert(
      fc.property(rates, steps(0), (of, taken) => {
        let [now, tat]: [number, number | undefined] = [0, undefined];
        for (const { by, weight } of taken) {
          now += by;
          const decision = gcra(tat, now, of, weight);
          if (!decision.allowed) {
            expect(gcra(tat, now + decision.retryAfterMs, of, weight).allowed).toBe(true);
            expect(gcra(tat, now + decision.retryAfterMs - intervalOf(of) / 10 - 0.01, of, weight).allowed).toBe(false);
          }
          tat = decision.tat;
          if (decision.remaining > 0) expect(gcra(tat, now, of, decision.remaining).allowed).toBe(true);
          expect(gcra(tat, now, of, decision.remaining + 1).allowed).toBe(
            decision.remaining + 1 > of.burst ? decision.remaining >= of.burst : false,
          );
          expect(gcra(tat, now + decision.resetMs, of, of.burst).allowed).toBe(true);
        }
      }),
    );
  });

  test('a clock that goes back keeps nobody out for longer than the burst takes', () => {
    fc.assert(
      fc.property(rates, steps(1_000_000), (of, taken) => {
        let [now, tat]: [number, number | undefined] = [0, undefined];
        for (const { by, weight } of taken) {
          now += by;
          const decision = gcra(tat, now, of, weight);
          expect(decision.retryAfterMs).toBeLessThanOrEqual(of.burst * intervalOf(of) + 1e-6);
          tat = decision.tat;
        }
      }),
    );
  });

  test('what weighs more than the burst passes when nothing is owed, and takes all', () => {
    const first = gcra(undefined, 0, rate, 1_000);
    expect(first).toMatchObject({ allowed: true, remaining: 0, resetMs: 1_000 });
    expect(gcra(first.tat, 999, rate, 1_000)).toMatchObject({ allowed: false, retryAfterMs: 1 });
    expect(gcra(first.tat, 1_000, rate, 1_000).allowed).toBe(true);
  });

  test('looking takes nothing', () => {
    expect(gcra(undefined, 0, rate, 0)).toMatchObject({ allowed: true, tat: 0, remaining: 10 });
    expect(gcra(1_000, 0, rate, 0)).toMatchObject({ allowed: false, tat: 1_000, remaining: 0, retryAfterMs: 100 });
  });
});

describe('rates in memory', () => {
  const charge = (key: string, weight = 1) => ({ key, rate, weight });

  test('are taken of together, or not at all', () => {
    const rates = new MemoryRates({ entries: 10, now: () => 0 });
    rates.take([charge('a', 10)]);
    expect(rates.take([charge('a'), charge('b', 10)]).map(({ allowed }) => allowed)).toEqual([false, true]);
    // What is left of the other is said as it is, and not as if it had been taken of.
    expect(rates.take([charge('a'), charge('b', 4)])[1]).toMatchObject({ remaining: 10, resetMs: 0 });
    expect(rates.take([charge('b', 10)])[0]).toMatchObject({ allowed: true, remaining: 0 });
    // What is only looked at refuses nothing.
    expect(rates.take([charge('a', 0), charge('c')]).map(({ allowed }) => allowed)).toEqual([false, true]);
    expect(rates.take([charge('c', 10)])[0]).toMatchObject({ allowed: false });
  });

  test('of a million addresses are kept as many as may be, the latest', () => {
    const rates = new MemoryRates({ entries: 1_000, now: () => 0 });
    for (let at = 0; at < 1_000_000; at++) {
      rates.take([charge(`10.${at >> 16}.${(at >> 8) & 0xff}.${at & 0xff}`)]);
      // One that asks all the time is not forgotten for the others.
      if (at % 500 === 0) rates.take([charge('busy')]);
    }
    expect(rates.size).toBe(1_000);
    expect(rates.take([charge('busy')])[0]).toMatchObject({ allowed: false });
  });
});

describe('a client that waits as long as it is told', () => {
  const asking = { principal: { tenantId: 't', subject: 's', roles: [], scopes: [] } };
  const limitsOf = (rates: Rates) => {
    const clock = { now: 0 };
    const limits = new RequestLimits({
      rates,
      store: new MemoryRates({ entries: 100, now: () => clock.now }),
      concurrency: new Concurrency({
        principalOperations: 0,
        tenantOperations: 0,
        addressOperations: 0,
        principalStreams: 0,
        tenantStreams: 0,
        addressStreams: 0,
      }),
      refusals: new Refusals(createLogger({ level: 'silent' })),
      isProxy: () => false,
    });
    /** A batch of so many operations, as HTTP and MCP let it in. @returns for how long it is to wait, in seconds; 0 where it passed */
    const batch = async (size: number): Promise<number> => {
      try {
        await limits.operation(asking);
        await limits.further(asking, size - 1);
        return 0;
      } catch (error) {
        return (error as CodedError).extensions['retryAfterSeconds'] as number;
      }
    };
    return { clock, batch };
  };

  test.each([2, 3, 9, 10])('passes with a batch of %i', async (size) => {
    const { clock, batch } = limitsOf({ principal: { count: 10, windowMs: 60_000, burst: 10 } });
    for (let at = 0; at < 7; at++) await batch(1);
    let told = await batch(size);
    // The operation that comes with a request is taken before the rest of it is read: each try pays for that once more.
    if (told > 0) clock.now += told * 1_000;
    told = told === 0 ? 0 : await batch(size);
    expect(told).toBe(0);
  });

  test('passes though two limits keep it out, the later of which counts', async () => {
    const { clock, batch } = limitsOf({
      principal: { count: 60, windowMs: 60_000, burst: 2 },
      tenant: { count: 1, windowMs: 60_000, burst: 2 },
    });
    await batch(2);
    const told = await batch(1);
    expect(told).toBe(60);
    clock.now += told * 1_000;
    expect(await batch(1)).toBe(0);
  });

  test('is told at once of what would never pass', async () => {
    const { batch } = limitsOf({ principal: { count: 60, windowMs: 60_000, burst: 2 } });
    expect(await batch(3)).toBeUndefined();
    expect(await batch(2)).toBeGreaterThan(0);
  });
});

test.each([
  ['600/1m', { count: 600, windowMs: 60_000, burst: 600 }],
  ['10/s', { count: 10, windowMs: 1_000, burst: 10 }],
  ['1000/24h/50', { count: 1_000, windowMs: 86_400_000, burst: 50 }],
  ['5/2d', { count: 5, windowMs: 172_800_000, burst: 5 }],
  ['0', null],
])('%s is a rate', (text, read) => expect(readRate(text)).toEqual(read));

test.each(['600', '0/1m', '-1/s', '1/0s', '10/1w', '10 / s', '10/s/0', '1e3/s', '10/s; drop', 'off', '10/m/5/5'])(
  '%s is none, and the server does not start',
  (text) => {
    expect(readRate(text)).toBeUndefined();
    expect(() => loadConfig({ RATE_LIMIT_TENANT: text })).toThrow(/RATE_LIMIT_TENANT must be `0`, or so many/);
  },
);

test('there are rates where it is told who asks, and none in development mode but those that are set', () => {
  expect(loadConfig({}).rates.limits).toEqual({});
  expect(loadConfig({ RATE_LIMIT_PRINCIPAL: '5/s' }).rates.limits).toEqual({
    principal: { count: 5, windowMs: 1_000, burst: 5 },
  });
  const authenticated = { OIDC_ISSUER: 'https://issuer.example', OIDC_AUDIENCE: 'a' };
  expect(Object.keys(loadConfig(authenticated).rates.limits).sort()).toEqual(
    ['address', 'address-sign-ins', 'principal', 'principal-models', 'tenant'].sort(),
  );
  const off = loadConfig({ ...authenticated, RATE_LIMIT_ADDRESS: '0', RATE_LIMIT_PRINCIPAL_MODELS: '0' });
  expect(Object.keys(off.rates.limits).sort()).toEqual(['address-sign-ins', 'principal', 'tenant']);
});

describe('the address of a client', () => {
  const { trusts } = trustedProxies(['10.0.0.0/8', '2001:db8:ffff::/48']);
  const of = (remoteAddress: string | undefined, forwarded?: string): string =>
    clientAddress({ headers: { 'x-forwarded-for': forwarded }, socket: { remoteAddress } }, trusts);

  test.each([
    ['its own', '192.0.2.1', undefined, '192.0.2.1'],
    ['its own, whatever it says', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['what a proxy says', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['what the last of several proxies says', '10.0.0.1', '198.51.100.7, 10.2.3.4', '198.51.100.7'],
    ['not what the client had written before', '10.0.0.1', '1.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['that of a proxy where nothing else is said', '10.0.0.1', undefined, '10.0.0.1'],
    ['that of the proxy where it says nonsense', '10.0.0.1', 'unknown', '10.0.0.1'],
    ['what came before the nonsense', '10.0.0.1', '1.1.1.1, x, 10.2.3.4', '10.2.3.4'],
    ['without its port', '10.0.0.1', '198.51.100.7:4711', '198.51.100.7'],
    ['in IPv6, by its /64', '10.0.0.1', '[2001:db8:1:2:3::4]:4711', '2001:db8:1:2::/64'],
    ['of a proxy in IPv6', '2001:db8:ffff::1', '198.51.100.7', '198.51.100.7'],
    ['of a connection in IPv6', '2001:DB8:0:1:aaaa:bbbb:cccc:dddd', undefined, '2001:db8:0:1::/64'],
    ['IPv4 in an IPv6 socket', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['an IPv4 proxy in an IPv6 socket', '::ffff:10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['of a connection that is closed', undefined, '198.51.100.7', ''],
  ])('is %s', (_, remote, forwarded, address) => expect(of(remote, forwarded)).toBe(address));

  test('has one spelling', () => {
    const spellings = [
      '2001:db8::1',
      '2001:0DB8:0000::2',
      '2001:db8:0:0:ffff::',
      '2001:db8::192.0.2.1',
      '2001:db8::%eth0',
    ];
    expect(new Set(spellings.map(networkOf))).toEqual(new Set(['2001:db8:0:0::/64']));
    expect(networkOf('::ffff:c000:201')).toBe('192.0.2.1');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
    expect(networkOf('fe80::1%lo')).toBe('fe80:0:0:0::/64');
  });
});

describe('places', () => {
  const limits = {
    principalOperations: 2,
    tenantOperations: 3,
    addressOperations: 0,
    principalStreams: 1,
    tenantStreams: 0,
    addressStreams: 0,
  };
  const keys = (principal: string) => ({ principal: `t/${principal}`, tenant: 't', address: '192.0.2.1' });

  test('are given back once, and only they are counted that have some', () => {
    const places = new Concurrency(limits);
    const enter = (principal: string) => places.enter('operations', keys(principal));
    const first = enter('a') as () => void;
    enter('a');
    expect(enter('a')).toBe('principal');
    enter('b');
    expect(enter('c')).toBe('tenant');
    first();
    first();
    expect(enter('c')).toBeTypeOf('function');
    expect(enter('c')).toBe('tenant');
    expect(places.enter('streams', keys('a'))).toBeTypeOf('function');
  });

  test('whoever is refused one takes none of another', () => {
    const places = new Concurrency({ ...limits, principalOperations: 1 });
    const leave = places.enter('operations', keys('a')) as () => void;
    for (let at = 0; at < 10; at++) expect(places.enter('operations', keys('a'))).toBe('principal');
    leave();
    expect(places.size).toBe(0);
  });
});

describe('tokens that do not hold', () => {
  /** An address whose failures are counted by a clock that stands still. */
  function signIns(count: number) {
    const store = new MemoryRates({ entries: 10, now: () => 0 });
    const key = { key: 'failures', rate: { count, windowMs: 60_000, burst: count } };
    let looked = 0;
    const authenticate = limitSignIns(
      async (authorization) => {
        looked += 1;
        if (authorization !== 'Bearer good') throw new CodedError('UNAUTHENTICATED', 'No.');
        return { tenantId: 't', subject: 's', roles: [], scopes: [] };
      },
      {
        arrivalOf: () => ({ address: '192.0.2.1', signIns: store.take([{ ...key, weight: 0 }])[0] }),
        signInFailed: async () => void store.take([{ ...key, weight: 1 }]),
        signInsRefused: () => new CodedError('RATE_LIMITED', 'Too many.'),
      },
    );
    const request = { headers: {}, socket: { remoteAddress: '192.0.2.1' } };
    const code = async (token: string): Promise<string> =>
      await authenticate(token, request).then(
        () => 'in',
        (error: CodedError) => error.code,
      );
    return { code, looked: () => looked };
  }

  test('are not looked at past the limit, but good ones that came meanwhile are', async () => {
    const { code, looked } = signIns(3);
    expect(await code('Bearer wrong 1')).toBe('UNAUTHENTICATED');
    expect(await code('Bearer good')).toBe('in');
    expect(await code('Bearer wrong 2')).toBe('UNAUTHENTICATED');
    expect(await code('Bearer wrong 3')).toBe('UNAUTHENTICATED');
    for (let at = 0; at < 20; at++) expect(await code(`Bearer wrong again ${at}`)).toBe('RATE_LIMITED');
    expect(looked()).toBe(4);
    expect(await code('Bearer good')).toBe('in');
  });

  test('keep a good one out that was never seen, until they are forgotten', async () => {
    const { code } = signIns(1);
    await code('Bearer wrong');
    expect(await code('Bearer good')).toBe('RATE_LIMITED');
  });
});

test('clients are told what is left in the fields of the draft', () => {
  const headers = new Map<string, string>();
  const tell = quotaFields({ headersSent: false, setHeader: (name, value) => headers.set(name, value) });
  const charge = (name: NamedCharge['name'], of: Rate, weight: number): NamedCharge => ({
    name,
    key: name,
    rate: of,
    weight,
  });
  const use = (...charges: NamedCharge[]): void =>
    tell(
      charges,
      charges.map(({ rate: of, weight }) => gcra(undefined, 0, of, weight)),
    );
  use(charge('principal', { count: 600, windowMs: 60_000, burst: 600 }, 1), charge('address-sign-ins', rate, 0));
  expect(headers.get('ratelimit-policy')).toBe('"principal";q=600;w=60');
  expect(headers.get('ratelimit')).toBe('"principal";r=599;t=1');
  use(charge('tenant', { count: 100, windowMs: 1_000, burst: 500 }, 250), charge('tenant-cost', rate, 1));
  expect(headers.get('ratelimit-policy')).toBe('"principal";q=600;w=60, "tenant";q=500;w=5');
  expect(headers.get('ratelimit')).toBe('"principal";r=599;t=1, "tenant";r=250;t=3');
});
