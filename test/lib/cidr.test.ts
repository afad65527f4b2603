import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addressOf,
  block,
  blockOrNull,
  contains,
  equals,
  overlaps,
  relation,
  size
} from '../../src/lib/cidr.ts'

describe('block', () => {
  it.each([
    ['10.10.0.0/16', '10.10.0.0/16'],
    ['172.17.0.1/16', '172.17.0.0/16'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00::1/8', 'fd00::/8'],
    ['2001:db8:0:0::/64', '2001:db8::/64'],
    ['::/0', '::/0'],
    ['255.255.255.255/1', '128.0.0.0/1']
  ])('reads %s as %s', (text, said) => {
    expect(block(text).text).toBe(said)
  })

  it.each([
    '',
    '10.10.0.0/',
    '10.10.0.0/33',
    'fd00::/129',
    '10.10/16',
    '10.10.0.0/-1',
    '012.0.0.1/8',
    '0x0a.0.0.1/8',
    '256.0.0.1/8',
    'fe80::1%eth0/64',
    '10.0.0.0/8 ',
    '10.0.0.0/8\n',
    'default',
    '1::2::3'
  ])('has no block for %j', text => {
    expect(blockOrNull(text)).toBeNull()
    expect(() => block(text)).toThrow(RangeError)
  })

  it('never throws from blockOrNull, and is stable when read again', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.ipV4(), fc.ipV4Extended(), fc.ipV6()),
        fc.nat(140),
        (text, length) => {
          const found = blockOrNull(`${text}/${length}`)
          if (found !== null) expect(block(found.text)).toEqual(found)
        }
      )
    )
  })
})

describe('relation', () => {
  it.each([
    ['10.10.0.0/16', 'equals', '10.10.0.0/16'],
    ['10.10.0.0/16', 'contains', '10.10.255.0/24'],
    ['10.10.0.0/16', 'lies in', '10.0.0.0/8'],
    // one address to either side of the boundary
    ['10.10.0.0/16', 'is apart from', '10.11.0.0/16'],
    ['10.10.0.0/16', 'is apart from', '10.9.255.255/32'],
    ['10.10.0.0/16', 'contains', '10.10.0.0/32'],
    ['10.10.0.0/16', 'contains', '10.10.255.255/32'],
    ['10.10.0.0/15', 'contains', '10.11.255.255/32'],
    ['10.10.0.0/15', 'is apart from', '10.12.0.0/32'],
    ['0.0.0.0/0', 'contains', '10.0.0.0/8'],
    ['::/0', 'is apart from', '10.0.0.0/8'],
    ['fd00:10::/64', 'contains', 'fd00:10::ffff/128'],
    ['fd00:10::/64', 'is apart from', 'fd00:10:0:1::/64']
  ] as const)('%s %s %s', (a, said, b) => {
    expect(relation(block(a), block(b))).toBe(said)
  })

  it('agrees with itself the other way round', () => {
    const blocks = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([a, n]) => block(`${a}/${n}`))
    const mirrored = {
      equals: 'equals',
      contains: 'lies in',
      'lies in': 'contains',
      'is apart from': 'is apart from'
    }
    fc.assert(
      fc.property(blocks, blocks, (a, b) => {
        expect(relation(b, a)).toBe(mirrored[relation(a, b)])
        expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a))
        expect(equals(a, b)).toBe(a.text === b.text)
      })
    )
  })
})

it('counts addresses and takes an address out of its prefix', () => {
  expect(size(block('10.10.0.0/16'))).toBe(65_536n)
  expect(size(block('fd00::/64'))).toBe(1n << 64n)
  expect(addressOf('10.0.1.9/24')).toBe('10.0.1.9')
  expect(addressOf('fd00:0::9/64')).toBe('fd00::9')
  expect(addressOf('')).toBeNull()
})
