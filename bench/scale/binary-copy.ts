/** Rows of memories in the binary format of COPY, which spares both sides the digits of 384 numbers. */
import type { ScaleRow } from './tenant-rows.ts'

/** The columns that are copied, in the order of the fields. */
export const copiedColumns =
  'org_id, id, content, content_hash, embedding, category, metadata, created_at, updated_at'

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const trailer = Buffer.from([0xff, 0xff])
const category = Buffer.from('factual')
const chunkBytes = 512 * 1024

/** Yields the whole stream in chunks: signature, rows, trailer. */
export function* binaryCopy(rows: Iterable<readonly [Buffer, ScaleRow]>): Generator<Buffer> {
  let parts: Uint8Array[] = [signature]
  let bytes = 0
  for (const [orgId, row] of rows) {
    const tuple = tupleOf(orgId, row)
    parts.push(tuple)
    bytes += tuple.length
    if (bytes < chunkBytes) continue
    yield Buffer.concat(parts)
    parts = []
    bytes = 0
  }
  yield Buffer.concat([...parts, trailer])
}

function tupleOf(orgId: Buffer, row: ScaleRow): Buffer {
  const createdAt = Buffer.alloc(8)
  createdAt.writeBigInt64BE(row.createdAt)
  const fields = [
    orgId,
    row.id,
    Buffer.from(row.content),
    Buffer.from(row.contentHash),
    vectorField(row.embedding),
    category,
    // the first byte is the version of jsonb
    Buffer.from(`\u0001{"topic":${row.topic}}`),
    createdAt,
    createdAt,
  ]
  const head = Buffer.alloc(2)
  head.writeInt16BE(fields.length)
  const parts: Uint8Array[] = [head]
  for (const field of fields) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(field.length)
    parts.push(length, field)
  }
  return Buffer.concat(parts)
}

/** As `vector_recv` of pgvector reads it: the dimensions, two unused bytes, and the numbers, all with the high byte first. */
function vectorField(vector: Float32Array): Buffer {
  const field = Buffer.alloc(4 + vector.length * 4)
  field.writeInt16BE(vector.length)
  for (const [index, value] of vector.entries()) field.writeFloatBE(value, 4 + index * 4)
  return field
}
