import { describe, expect, it } from 'vitest'
import { textOf, withheld } from '../../../src/systems/languages/file-text.ts'

const utf16 = (text: string, bom: boolean) => Buffer.from((bom ? '\uFEFF' : '') + text, 'utf16le')
const swapped = (text: string, bom: boolean) => utf16(text, bom).swap16()
const config = 'Port 22\nPermitRootLogin yes\n'

describe('what bytes are', () => {
  it.each<[name: string, bytes: Uint8Array, why: RegExp]>([
    ['UTF-16 with a mark', utf16(config, true), /UTF-16$/],
    ['UTF-16, big end first', swapped(config, true), /UTF-16$/],
    ['UTF-16 without a mark', utf16(config, false), /UTF-16 without/],
    ['UTF-16, big end first, without a mark', swapped(config, false), /UTF-16 without/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 65, 0, 0, 0]), /UTF-32/],
    ['a NUL', Buffer.from(`${config}\0`), /binary \(a NUL byte at offset 28\)/],
    ['git-crypt', Buffer.from('\0GITCRYPT\0\x01\x02abc', 'latin1'), /git-crypt/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 1, 2]), /gzip/],
    ['age', Buffer.concat([Buffer.from('age-encryption.org/v1\n'), Buffer.from([1, 200])]), /age/],
    ['control characters', Buffer.from([1, 2, 3, 4, 65, 66]), /control/]
  ])('%s cannot be searched', (_, bytes, why) => {
    const found = textOf(bytes)
    expect(found.kind === 'other' && found.why).toMatch(why)
  })

  it.each<[name: string, bytes: Uint8Array, text: string]>([
    ['UTF-8', Buffer.from('grün\n'), 'grün\n'],
    ['UTF-8 with a mark', Buffer.from(`\uFEFF${config}`), config],
    ['Latin-1', Buffer.from('grün\n', 'latin1'), 'gr\uFFFDn\n'],
    ['colours', Buffer.from('\x1b[31mred\x1b[0m\n'), '\x1b[31mred\x1b[0m\n'],
    ['nothing', Buffer.from(''), '']
  ])('%s is text', (_, bytes, text) => {
    expect(textOf(bytes)).toEqual({ kind: 'text', text })
  })
})

describe('what a text keeps back', () => {
  it.each<[text: string, all: boolean | undefined]>([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n', true],
    ['../../.git/annex/objects/xx/SHA256E-s1--ab\n', true],
    ['/annex/objects/SHA256E-s1--ab\n', true],
    ['-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n', true],
    ['-----BEGIN PGP MESSAGE-----\n\nhQIM\n', true],
    ['$ANSIBLE_VAULT;1.1;AES256\n6162\n', true],
    ['U2FsdGVkX18=\n', true],
    ['db: ENC[AES256_GCM,data:abc,iv:x,tag:y,type:str]\nsops:\n  version: 3.9.0\n', false],
    ['{"data":"ENC[AES256_GCM,data:abc","sops":{}}', false],
    ['a: ENC[PKCS7,MIIB]\n', false],
    ['a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n', false],
    ['see https://git-lfs.github.com/spec/v1\n', undefined],
    ['# ANSIBLE_VAULT\n', undefined]
  ])('%j', (text, all) => {
    expect(withheld(text)?.all).toBe(all)
  })
})
