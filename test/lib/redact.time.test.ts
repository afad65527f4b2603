import { expect, test } from 'vitest'
import { redact } from '../../src/lib/secrets/redact.ts'
import { cpuMs } from '../support/cpu.ts'

test('takes linear time on what is made to be slow', () => {
  const parts = [
    'eyJ',
    'password=',
    "password='",
    'password=\\"',
    "token_id=\\'x ",
    'a:',
    '://',
    '://a:',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----\\nabc',
    'Bearer ',
    'key=',
    '{{',
    'password={{x ',
    'a',
    '[',
    '{"a":',
    '"',
    '\\',
    '\n',
    'password: ',
    '<password>',
    'sk-',
    '$1$',
    'x@tcp(',
    '«redacted:',
    '«redacted:token:1»',
    'Cookie: ',
    'password = ',
    ' ',
    'password: |\n ',
    'curl -u a:',
    'mysql -p'
  ]
  for (const part of parts) {
    const took = (size: number) => {
      const text = part.repeat(Math.ceil(size / part.length))
      return cpuMs(() => redact(text))
    }
    took(10_000)
    expect([part, took(1_000_000) < 3000]).toEqual([part, true])
  }
})
