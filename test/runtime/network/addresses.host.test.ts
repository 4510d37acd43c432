// Where an address leads, for every block of IANA's registries of special-purpose addresses: its first, its last, and its
// neighbours on both sides.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isExactAddress } from '../../../src/core/network-address.ts'
import { parse } from './parsers.ts'

const reachOf = (addresses: readonly string[]): string[] =>
  parse(addresses.map((address) => `reach ${address}`)).map((line) => line.slice(line.indexOf(' ') + 1))

const PUBLIC = 'public'
const TUNNEL = 'an IPv4 address in disguise'
const METADATA = "a cloud's metadata service"

/** The first and the last address of each block, and what it is. */
const V4: readonly (readonly [first: string, last: string, reach: string])[] = [
  ['0.0.0.0', '0.255.255.255', 'an unspecified address'],
  ['10.0.0.0', '10.255.255.255', 'a private address'],
  ['100.64.0.0', '100.127.255.255', 'an address shared behind a carrier'],
  ['127.0.0.0', '127.255.255.255', 'a loopback address'],
  ['169.254.0.0', '169.254.255.255', 'a link-local address'],
  ['172.16.0.0', '172.31.255.255', 'a private address'],
  ['192.0.0.0', '192.0.0.255', 'a reserved address'],
  ['192.0.2.0', '192.0.2.255', 'an address for documentation'],
  ['192.88.99.0', '192.88.99.255', TUNNEL],
  ['192.168.0.0', '192.168.255.255', 'a private address'],
  ['198.18.0.0', '198.19.255.255', 'an address for benchmarks'],
  ['198.51.100.0', '198.51.100.255', 'an address for documentation'],
  ['203.0.113.0', '203.0.113.255', 'an address for documentation'],
  ['224.0.0.0', '239.255.255.255', 'a multicast address'],
  ['240.0.0.0', '255.255.255.255', 'a reserved address'],
  ...['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192'].map((one) => [one, one, METADATA] as const),
]

const number = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')

test('every special block of IPv4 is told from its neighbours', () => {
  const ends = V4.flatMap((block) => block.slice(0, 2))
  assert.deepEqual(
    reachOf(ends),
    V4.flatMap(([, , reach]) => [reach, reach]),
  )
  const neighbours = V4.filter(([, , reach]) => reach !== METADATA)
    .flatMap(([first, last]) => [number(first) - 1, number(last) + 1])
    .filter((value) => value > 0 && value < 2 ** 32)
    .filter((value) => !V4.some(([first, last]) => value >= number(first) && value <= number(last)))
  assert.ok(neighbours.length >= 20)
  assert.deepEqual(new Set(reachOf(neighbours.map(dotted))), new Set([PUBLIC]))
})

test('any IPv4 address is public exactly when no block has it, in each of its forms', () => {
  const addresses = fc.sample(fc.integer({ min: 0, max: 2 ** 32 - 1 }), 2000).map(dotted)
  const isSpecial = (address: string) =>
    V4.some(([first, last]) => number(address) >= number(first) && number(address) <= number(last))
  const plain = reachOf(addresses)
  assert.deepEqual(
    plain.map((reach) => reach !== PUBLIC),
    addresses.map(isSpecial),
  )
  assert.deepEqual(reachOf(addresses.map((address) => `::ffff:${address}`)), plain, 'mapped')
  assert.deepEqual(reachOf(addresses.map((address) => `64:ff9b::${address}`)), plain, 'NAT64')
  for (const form of ['::ffff:0:', '::', '64:ff9b:1::']) {
    const reaches = new Set(reachOf(addresses.map((address) => `${form}${address}`)))
    assert.ok(!reaches.has(PUBLIC), form)
  }
})

const V6: readonly (readonly [first: string, last: string, reach: string])[] = [
  ['::', '::', 'an unspecified address'],
  ['::1', '::1', 'a loopback address'],
  ['::2', '::ffff:ffff', TUNNEL],
  ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', TUNNEL],
  ['100::', '100::ffff:ffff:ffff:ffff', 'a reserved address'],
  ['2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', TUNNEL],
  ['2001:1::', '2001:1:ffff:ffff:ffff:ffff:ffff:ffff', 'a reserved address'],
  ['2001:2::', '2001:2:0:ffff:ffff:ffff:ffff:ffff', 'an address for benchmarks'],
  ['2001:10::', '2001:3f:ffff:ffff:ffff:ffff:ffff:ffff', 'a reserved address'],
  ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'an address for documentation'],
  ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', TUNNEL],
  ['2002:7f00:1::', '2002:a00:1::1', TUNNEL],
  ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', 'an address for documentation'],
  ['4000::', '5f00::1', 'a reserved address'],
  ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'a private address'],
  ['fd00:ec2::254', 'fd20:ce::254', METADATA],
  ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'a link-local address'],
  ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'a private address'],
  ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'a multicast address'],
]

test('every special block of IPv6 is told', () => {
  assert.deepEqual(
    reachOf(V6.flatMap((block) => block.slice(0, 2))),
    V6.flatMap(([, , reach]) => [reach, reach]),
  )
})

test('what was handed out is public, and nothing beyond it', () => {
  const handedOut = [
    '2001:200::1',
    '2400::1',
    '2606:2800:220:1::1',
    '2a00:1450::1',
    '2003::1',
    '2001:db9::1',
    '3ffe::1',
  ]
  assert.deepEqual(new Set(reachOf(handedOut)), new Set([PUBLIC]))
  const beyond = ['1fff:ffff::1', '4000::', '8000::1', 'e000::1', 'f000::1', '0:1::1', '64:ff9a::1', '64:ff9c::1']
  assert.ok(!reachOf(beyond).includes(PUBLIC))
})

test('an address has one spelling, and what programs disagree about is none', () => {
  const none = ['1', '1.2', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', '0x1.2.3.4', '1..2.3', '+1.2.3.4']
  const none6 = [
    ':',
    ':::',
    '1::2::3',
    '12345::',
    '::g',
    '::1%lo',
    '[::1]',
    '::1.2.3',
    '1:2:3:4:5:6:7',
    '::FF',
    '1:::2',
  ]
  for (const [at, line] of parse([...none, ...none6].map((text) => `reach ${text}`)).entries())
    assert.equal(line, 'no address', [...none, ...none6][at])
  const printed = parse(['reach 2001:0db8:0:0:1:0:0:1', 'reach ::ffff:1.2.3.4', 'reach 1:0:0:2:0:0:0:3'])
  assert.deepEqual(
    printed.map((line) => line.split(' ')[0]),
    ['2001:db8::1:0:0:1', '1.2.3.4', '1:0:0:2::3'],
  )
})

test('a line of the list is a name or an address, never a number that some programs would read as one', () => {
  const taken = [
    'example.com:443',
    '*.example.com:443',
    '192.0.2.1:1',
    '[2001:db8::1]:1',
    '*:443',
    'a_b.example:1',
    'x1a.y:1',
  ]
  const not = [
    '127.1:1',
    '0177.0.0.1:1',
    '0x7f.1:1',
    '1:1',
    '1.2.3.4.5:1',
    '[::1:1',
    '[1.2.3.4]:1',
    '*.:1',
    'a..b:1',
    '*.*.a:1',
  ]
  assert.deepEqual(new Set(parse(taken.map((line) => `list ${line}`))), new Set(['taken']))
  assert.ok(!parse(not.map((line) => `list ${line}`)).includes('taken'))
})

test('what the operator’s configuration takes for an address, the launcher does too, and no more', () => {
  const texts = fc.sample(fc.oneof(fc.ipV6(), fc.ipV4(), fc.stringMatching(/^[0-9a-f:.]{1,16}$/)), 5000)
  const lower = texts.map((text) => text.toLowerCase()).filter((text) => !/\s/.test(text))
  const read = parse(lower.map((text) => `reach ${text}`)).map((line) => line !== 'no address')
  assert.deepEqual(
    lower.map((text) => isExactAddress(text.includes(':') ? `[${text}]:1` : `${text}:1`)),
    read,
  )
  assert.ok(read.includes(true) && read.includes(false))
})
