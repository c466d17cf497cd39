package dev.switchboard.gateway.http;

/**
 * How long each phase of a request may take, in milliseconds.
 *
 * @param headerMs from connecting to the end of the first head
 * @param bodyMs from the head to the last byte of the body, while the gateway runs
 * @param keepAliveMs a connection without a request
 * @param connectMs to a replica
 * @param firstTokenMs from admission to the first content, over all attempts
 * @param interTokenMs between two pieces of content, while the client reads
 * @param answerMs from admission to the end of an answer that is not a stream
 * @param writeStallMs a client that does not read
 */
public record DeadlinesConfig(
    int headerMs,
    int bodyMs,
    int keepAliveMs,
    int connectMs,
    int firstTokenMs,
    int interTokenMs,
    int answerMs,
    int writeStallMs) {
  public static final DeadlinesConfig DEFAULTS =
      new DeadlinesConfig(10_000, 30_000, 75_000, 2_000, 120_000, 30_000, 600_000, 30_000);

  public DeadlinesConfig {
    HttpConfig.range("header-ms", headerMs, 10, 600_000);
    HttpConfig.range("body-ms", bodyMs, 10, 600_000);
    HttpConfig.range("keep-alive-ms", keepAliveMs, 10, 3_600_000);
    HttpConfig.range("connect-ms", connectMs, 10, 60_000);
    HttpConfig.range("first-token-ms", firstTokenMs, 10, 3_600_000);
    HttpConfig.range("inter-token-ms", interTokenMs, 10, 3_600_000);
    HttpConfig.range("answer-ms", answerMs, 10, 86_400_000);
    HttpConfig.range("write-stall-ms", writeStallMs, 10, 3_600_000);
  }
}
