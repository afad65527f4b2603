import { expect, test } from 'vitest'
import { tally } from '../../src/lib/secrets/hidden.ts'
import { redact } from '../../src/lib/secrets/redact.ts'

test('counts places and different secrets, over many texts', () => {
  const hidden = tally()
  const read = (text: string) => redact(text, { salt: 'x', onHidden: hidden.add }).text
  expect(hidden.list()).toEqual([])
  const again = read('A_TOKEN=t0k3nt0k3n\nDB_PASSWORD=hunter2hunter2')
  read('{"env": ["DB_PASSWORD=hunter2hunter2", "OTHER_PASSWORD=s3cr3ts3cr3t", "HOME=/root"]}')
  const found = [
    { kind: 'password', places: 3, secrets: 2 },
    { kind: 'token', places: 1, secrets: 1 }
  ]
  expect(hidden.list()).toEqual(found)
  // What is hidden already, and a mark that a host prints of its own accord, are no secrets of this review.
  read(again)
  read('DB_PASSWORD=«redacted:password:1»')
  expect(hidden.list()).toEqual(found)
})
