import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { messageBody, messageLine, messageTitle } from '../../src/render/message.ts'

describe('messageLine', () => {
  test.each([
    ['deploy-proxy.service waits for a route', 'deploy-proxy.service waits for a route'],
    ['fixes #12 and closes GH-7', 'fixes no. 12 and closes GH 7'],
    ['closes https://git.example.test/o/r/issues/1', 'closes git.example.test/o/r/issues/1'],
    ['ask @bob', 'ask at bob'],
    ['a [ci skip] b', 'a (ci skip) b'],
    ['Adversary-Verdict: pvfix-M2 PASS', 'Adversary-Verdict – pvfix-M2 PASS'],
    ['a\nAdversary-Verdict: x', 'a Adversary-Verdict: x'],
    ['/tag v1', 'tag v1'],
    ['the network is 10.10.0.0/16 (was 10.0.1.0/24)', 'the network is 10.10.0.0/16 (was 10.0.1.0/24)'],
    ['saw `0/1`', "saw '0/1'"]
  ])('%j', (text, line) => {
    expect(messageLine(text)).toBe(line)
  })

  test('of any text is one line without a trailer, a mention, an issue or a marker', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '#1',
        '@bob',
        '[ci skip]',
        '[skip ci]',
        '***no_ci***',
        'skip-checks: true',
        '\n',
        'Key: ',
        '://',
        'http://',
        ' ',
        '!3',
        'GH-1',
        '\u202e'
      ),
      fc.string({ unit: 'binary', maxLength: 8 })
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), parts => {
        const line = messageLine(parts.join(''))
        expect(line.length).toBeLessThanOrEqual(200)
        expect(line).not.toMatch(
          /[\n\r\0\u202e]|#\d|@|:\/\/|^[A-Za-z][\w-]*\s*:|\[(?:ci skip|skip ci)\]|\*\*\*no_ci|skip-checks:/i
        )
      }),
      { numRuns: 2000 }
    )
  })
})

describe('messageTitle', () => {
  test.each([
    [['[adversary] A1 health gate deadlock'], 'M2 PASS + [adversary] A1 health gate deadlock'],
    [[], 'M2 PASS'],
    [
      [
        '[adversary] A1 health gate deadlock',
        '[adversary] A2 two stacks share one port',
        '[adversary] A3 no'
      ],
      'M2 PASS + [adversary] A1 health gate deadlock + 2 more'
    ],
    [[`[adversary] A1 ${'long '.repeat(40)}`, '[adversary] A2 x'], 'M2 PASS + 2 more']
  ])('%j', (findings, title) => {
    expect(messageTitle('pvfix-M2', 'M2 PASS', findings)).toBe(title)
    expect(`review(pvfix-M2): ${title}`.length).toBeLessThanOrEqual(100)
  })

  test('fits whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.string({ unit: 'binary', maxLength: 120 }), { maxLength: 12 }),
        (verdict, findings) => {
          expect(
            `review(pvfix-M2): ${messageTitle('pvfix-M2', verdict, findings)}`.length
          ).toBeLessThanOrEqual(100)
        }
      )
    )
  })
})

test('messageBody keeps twenty lines', () => {
  expect(messageBody(['a', '', 'b\nc'])).toBe('a\nb c')
  expect(
    messageBody(Array.from({ length: 22 }, (_, i) => `line ${i}`))
      .split('\n')
      .at(-1)
  ).toBe('… and 2 more')
})
