import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'

const deflated = promisify(deflate)

/** With which a repo names its objects. */
export type Algorithm = 'sha1' | 'sha256'

/** Objects that git does not have yet, named as git will name them. */
export interface NewObjects {
  /** Answers the object's name. */
  add(type: 'blob' | 'tree', bytes: Uint8Array): string
  get(sha: string): Buffer | undefined
  /** All of them as one pack (gitformat-pack(5), version 2, no deltas), for `git unpack-objects`. */
  pack(): Promise<Buffer>
}

/** @param sha of any object of the repo. */
export function algorithmOf(sha: string): Algorithm {
  return sha.length === 64 ? 'sha256' : 'sha1'
}

export function newObjects(algorithm: Algorithm): NewObjects {
  const objects = new Map<string, { readonly type: 'blob' | 'tree'; readonly bytes: Buffer }>()
  return {
    add(type, bytes) {
      const sha = createHash(algorithm).update(`${type} ${bytes.length}\0`).update(bytes).digest('hex')
      objects.set(sha, { type, bytes: Buffer.from(bytes) })
      return sha
    },
    get: sha => objects.get(sha)?.bytes,
    async pack() {
      const head = Buffer.from('PACK\0\0\0\u0002\0\0\0\0', 'latin1')
      head.writeUInt32BE(objects.size, 8)
      const parts: Buffer[] = [head]
      for (const { type, bytes } of objects.values()) {
        parts.push(entryHead(type, bytes.length), await deflated(bytes))
      }
      const body = Buffer.concat(parts)
      return Buffer.concat([body, createHash(algorithm).update(body).digest()])
    }
  }
}

const typeNumbers = { tree: 2, blob: 3 } as const

/** Type and size: four bits of the size beside the type, then seven in each byte, the lowest first. */
function entryHead(type: 'blob' | 'tree', size: number): Buffer {
  const bytes: number[] = []
  let rest = Math.floor(size / 16)
  let byte = (typeNumbers[type] << 4) | (size % 16)
  while (rest > 0) {
    bytes.push(byte | 0x80)
    byte = rest % 128
    rest = Math.floor(rest / 128)
  }
  bytes.push(byte)
  return Buffer.from(bytes)
}
