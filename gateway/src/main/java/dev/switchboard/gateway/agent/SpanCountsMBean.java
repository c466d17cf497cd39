package dev.switchboard.gateway.agent;

/** What the gateway's metrics read of {@link SpanCounts}. */
public interface SpanCountsMBean {
  /** Spans that a collector took. */
  long getExported();

  /** Spans that were sent to a collector in vain, retries included. */
  long getFailed();

  /** Spans that were thrown away because too many waited. */
  long getDropped();

  /** Spans that wait for the exporter now. */
  long getQueued();
}
