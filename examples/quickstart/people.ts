/** What the quickstart loads: organizations, and people who each become a user with an agent that remembers statements. */

/** A tenant to be. */
export interface Organization {
  readonly slug: string
  readonly name: string
}

/** A person, who becomes a user with an agent; each statement becomes a memory of that agent. */
export interface Person {
  /** The slug of the organization. */
  readonly organization: string
  /** Unique within the organization; it becomes user name and agent slug, so it may hold `a-z`, `0-9` and `-`. */
  readonly key: string
  readonly name: string
  readonly statements: readonly string[]
}

/** A set of people to load, over the organizations that they belong to. */
export interface Dataset {
  readonly organizations: readonly Organization[]
  /** How many people there are; known before the first one is read. */
  readonly people: number
  readonly statements: number
  /** What is asked when they are loaded: the first of two organizations, all of the first one. */
  readonly questions: readonly [string, ...string[]]
  /** Starts reading: from the beginning with each call. */
  read(): AsyncIterable<Person> | Iterable<Person>
}
