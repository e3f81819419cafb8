/** PostgreSQL's binary forms of what the bulk experiment sends. */

/** The binary form of a `vector`: its dimension, two bytes of nothing, and big-endian 4-byte floats. */
export function vectorBytes(values: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 + values.length * 4)
  bytes.writeInt16BE(values.length, 0)
  bytes.writeInt16BE(0, 2)
  bytes.set(Buffer.from(Float32Array.from(values).buffer).swap32(), 4)
  return bytes
}

/** The binary form of an array of one dimension without nulls; `oid` is the type of its elements. */
export function arrayBytes(oid: number, elements: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(20)
  head.writeInt32BE(1, 0)
  head.writeInt32BE(oid, 8)
  head.writeInt32BE(elements.length, 12)
  head.writeInt32BE(1, 16)
  return Buffer.concat([head, ...elements.flatMap((element) => [lengthOf(element), element])])
}

/** What COPY … (format binary) reads. */
export function copyBytes(rows: readonly (readonly Buffer[])[]): Buffer {
  const head = Buffer.concat([Buffer.from('PGCOPY\n\u00ff\r\n\0', 'latin1'), Buffer.alloc(8)])
  const fields = rows.flatMap((row) => {
    const count = Buffer.alloc(2)
    count.writeInt16BE(row.length)
    return [count, ...row.flatMap((field) => [lengthOf(field), field])]
  })
  return Buffer.concat([head, ...fields, Buffer.from([255, 255])])
}

export function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

function lengthOf(value: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeInt32BE(value.length)
  return length
}
