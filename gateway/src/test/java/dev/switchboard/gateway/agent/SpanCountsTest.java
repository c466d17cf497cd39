package dev.switchboard.gateway.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.telemetry.Exported;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class SpanCountsTest {
  private static final int PLACES = 16;

  private final SpanCounts counts = new SpanCounts(PLACES);

  @Test
  void whatTheCollectorTakesIsExported() {
    try (SdkTracerProvider spans = provider(CompletableResultCode::ofSuccess, Sampler.alwaysOn())) {
      end(spans, 3 * PLACES);
    }

    assertCounts(3 * PLACES, 0, 0);
  }

  @Test
  void whatTheCollectorRefusesHasFailed() {
    try (SdkTracerProvider spans = provider(CompletableResultCode::ofFailure, Sampler.alwaysOn())) {
      end(spans, 3 * PLACES);
    }

    assertCounts(0, 3 * PLACES, 0);
  }

  @Test
  void whatFindsNoPlaceIsDroppedAndNothingIsUnaccountedFor() {
    CompletableResultCode answer = new CompletableResultCode();
    SdkTracerProvider spans = provider(() -> answer, Sampler.alwaysOn());
    int ended = 0;
    while (counts.getDropped() < 100) {
      spans.get("test").spanBuilder("a").startSpan().end();
      ended++;
      assertTrue(counts.getQueued() <= PLACES);
    }
    answer.succeed();
    assertTrue(spans.shutdown().join(10, TimeUnit.SECONDS).isSuccess());

    assertCounts(ended - counts.getDropped(), 0, counts.getDropped());
  }

  @Test
  void whatIsNotSampledTakesNoPlace() {
    try (SdkTracerProvider spans =
        provider(CompletableResultCode::ofSuccess, Sampler.alwaysOff())) {
      end(spans, 3 * PLACES);
    }

    assertCounts(0, 0, 0);
  }

  @Test
  void whatAnExporterBreaksAtHasFailed() {
    SpanExporter breaking =
        exporter(
            () -> {
              throw new IllegalStateException("broken");
            });
    SpanData span =
        ((ReadableSpan)
                SdkTracerProvider.builder().build().get("test").spanBuilder("a").startSpan())
            .toSpanData();
    assertTrue(counts.take());

    assertThrows(IllegalStateException.class, () -> breaking.export(List.of(span)));

    assertCounts(0, 1, 0);
  }

  private SdkTracerProvider provider(Supplier<CompletableResultCode> answers, Sampler sampler) {
    BatchSpanProcessor queue =
        BatchSpanProcessor.builder(exporter(answers))
            .setMaxQueueSize(PLACES)
            .setMaxExportBatchSize(PLACES / 2)
            .build();
    return SdkTracerProvider.builder()
        .setSampler(sampler)
        .addSpanProcessor(new CountedProcessor(queue, counts))
        .build();
  }

  private SpanExporter exporter(Supplier<CompletableResultCode> answers) {
    return new CountedExporter(new Exported(answers), counts, true);
  }

  /**
   * Ends so many spans, and waits for the exporter at each half of the places. One flush is not
   * enough: asked for in the instant in which the one before ends, it is answered with that one's
   * success and flushes nothing.
   */
  private void end(SdkTracerProvider spans, int count) {
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    for (int i = 1; i <= count; i++) {
      spans.get("test").spanBuilder("a").startSpan().end();
      while (i % (PLACES / 2) == 0 && counts.getQueued() > 0) {
        assertTrue(System.nanoTime() < limit, "the exporter was never asked");
        spans.forceFlush().join(1, TimeUnit.SECONDS);
      }
    }
  }

  private void assertCounts(long exported, long failed, long dropped) {
    assertEquals(exported, counts.getExported());
    assertEquals(failed, counts.getFailed());
    assertEquals(dropped, counts.getDropped());
    assertEquals(0, counts.getQueued());
  }
}
