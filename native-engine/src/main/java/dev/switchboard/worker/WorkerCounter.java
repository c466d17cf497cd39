package dev.switchboard.worker;

/** What happened how often since the start; in {@code /engine/v1/load}. */
enum WorkerCounter {
  COMPLETIONS,
  /** Requests to an encoder, for vectors or for an order. */
  EMBEDDINGS,
  /** Clients that left before their answer was whole. */
  CLIENT_GONE,
  /** Streams cut off because nobody read them. */
  SLOW_READER,
  /** The event loop was so far behind that tokens were lost. */
  HANDOVER_FULL,
  /** Cancelled through the API, or at the drain limit. */
  CANCELLED,
  /** Requests answered with an error status. */
  REFUSED,
  /** Connections closed unread because too many were open. */
  CONNECTIONS_REFUSED
}
