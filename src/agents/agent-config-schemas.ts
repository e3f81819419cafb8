/** What the JSON columns of agents may hold. */
import * as v from 'valibot'
import { isPlainObject } from '../tenancy/arguments.ts'
import type {
  AgentBoundaries,
  AgentConfig,
  AgentMemoryConfig,
  AgentModelConfig,
  AgentPersonality,
  RetrievalWeights,
  VoiceExample,
} from './agent-config.ts'
import { filledText, text } from './check-value.ts'
import type { SchemaOf } from './check-value.ts'

/** A schema for each key of an object, so that a type and its schema have the same keys. */
type Entries<T> = { readonly [K in keyof T]-?: SchemaOf<T[K]> }

/** A schema for each JSON column of an agent. */
export type ColumnSchemas = Readonly<Record<keyof AgentConfig, SchemaOf<object>>>

// an array, a Date or a Map has no keys of its own, so it would pass for an object whose keys are all optional
const plainObject = v.custom<object>(isPlainObject, 'must be an object')
const texts = v.array(text, 'must be a list of texts')
const flag = v.boolean('must be true or false')
const share = numberUpTo(1)

const modelConfig: Entries<AgentModelConfig> = {
  model_name: filledText,
  temperature: numberUpTo(2),
  max_output_tokens: wholeNumber(1),
  top_p: v.optional(share),
  provider: v.optional(filledText),
  stop: v.optional(
    v.array(v.pipe(text, v.nonEmpty('must be a text that is not empty')), 'must be a list of texts'),
  ),
}

const retrievalWeights: Entries<RetrievalWeights> = {
  relevance: share,
  recency: share,
  usefulness: share,
  confidence: share,
  frequency: share,
}

const memoryConfig: Entries<AgentMemoryConfig> = {
  token_budget: wholeNumber(0),
  auto_extract: flag,
  auto_pin_preferences: flag,
  summarize_interval: wholeNumber(1),
  retrieval_weights: v.pipe(
    exactly(retrievalWeights),
    v.check(
      (weights) => Object.values(weights).some((weight) => weight > 0),
      'must not all be 0: every memory would score the same',
    ),
  ),
}

const boundaries: Entries<AgentBoundaries> = {
  max_autonomy: v.picklist(
    ['observe', 'suggest', 'confirm', 'execute'],
    'must be one of observe, suggest, confirm, execute',
  ),
  max_tool_calls_per_turn: wholeNumber(0),
  can_do: v.optional(texts),
  cannot_do: v.optional(texts),
  escalates_when: v.optional(texts),
  allowed_domains: v.optional(texts),
}

const voiceExample: Entries<VoiceExample> = { user: text, agent: text }

const personality: Entries<AgentPersonality> = {
  tone: v.optional(text),
  verbosity: v.optional(text),
  traits: v.optional(
    v.pipe(
      plainObject,
      // valibot leaves these names out of a record, and the trait would be lost without a word
      v.check(
        (traits) => !['__proto__', 'constructor', 'prototype'].some((key) => Object.hasOwn(traits, key)),
        'must not be called __proto__, constructor or prototype',
      ),
      v.record(text, share),
    ),
  ),
  always_rules: v.optional(texts),
  never_rules: v.optional(texts),
  voice_examples: v.optional(v.array(exactly(voiceExample), 'must be a list of examples')),
  custom_instructions: v.optional(text),
}

/** Whole objects: every key that is not optional, and no other. */
export const wholeSchemas: ColumnSchemas = {
  model_config: exactly(modelConfig),
  memory_config: exactly(memoryConfig),
  boundaries: exactly(boundaries),
  personality: exactly(personality),
}

/** Some of the keys, and no other; what is within a key is whole. */
export const partialSchemas: ColumnSchemas = {
  model_config: partly(modelConfig),
  memory_config: partly(memoryConfig),
  boundaries: partly(boundaries),
  personality: partly(personality),
}

function exactly<T>(entries: Entries<T>): SchemaOf<T> {
  const known = Object.keys(entries).join(', ')
  // key by key these are schemas, those of T, which a type that is mapped over a parameter does not tell
  const schema = v.strictObject(entries as v.ObjectEntries, ({ expected }) =>
    expected === 'never' ? `does not exist: known are ${known}` : 'is missing',
  )
  return v.pipe(plainObject, schema) as unknown as SchemaOf<T>
}

function partly<T>(entries: Entries<T>): SchemaOf<Partial<T>> {
  const optional = Object.entries<SchemaOf<unknown>>(entries).map(([key, schema]) => [
    key,
    v.optional(schema),
  ])
  // the same keys, each with its own schema that may be left out
  return exactly<Partial<T>>(Object.fromEntries(optional) as Entries<Partial<T>>)
}

function numberUpTo(most: number): SchemaOf<number> {
  const message = `must be a number of 0 to ${most}`
  return v.pipe(v.number(message), v.minValue(0, message), v.maxValue(most, message))
}

function wholeNumber(least: number): SchemaOf<number> {
  const message = `must be a whole number of at least ${least}`
  return v.pipe(v.number(message), v.safeInteger(message), v.minValue(least, message))
}
