package dev.switchboard.gateway.agent;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;

/** Counts how the batches of an exporter end. */
final class CountedExporter implements SpanExporter {
  private final SpanExporter next;
  private final SpanCounts counts;
  private final boolean first;

  /**
   * @param first of several that get the same batches; it gives their places back
   */
  CountedExporter(SpanExporter next, SpanCounts counts, boolean first) {
    this.next = next;
    this.counts = counts;
    this.first = first;
  }

  @Override
  public CompletableResultCode export(Collection<SpanData> spans) {
    // The batch may be used again once its export has ended.
    int size = spans.size();
    if (first) {
      counts.giveBack(size);
    }
    CompletableResultCode result;
    try {
      result = next.export(spans);
    } catch (RuntimeException e) {
      counts.ended(false, size);
      throw e;
    }
    return result.whenComplete(() -> counts.ended(result.isSuccess(), size));
  }

  @Override
  public CompletableResultCode flush() {
    return next.flush();
  }

  @Override
  public CompletableResultCode shutdown() {
    return next.shutdown();
  }
}
