package dev.switchboard.gateway.telemetry;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;

/** Keeps the spans that ended. */
public final class Exported implements SpanExporter {
  private final List<SpanData> spans = new ArrayList<>();
  private final Supplier<CompletableResultCode> answers;

  /** Takes everything. */
  public Exported() {
    this(CompletableResultCode::ofSuccess);
  }

  /** Answers so each time that it gets spans. */
  public Exported(Supplier<CompletableResultCode> answers) {
    this.answers = answers;
  }

  /** Has each span here as soon as it ended. */
  public SpanProcessor processor() {
    return SimpleSpanProcessor.create(this);
  }

  /** So far; the list grows. */
  public List<SpanData> spans() {
    return spans;
  }

  /** The only one of this name. */
  SpanData named(String name) {
    List<SpanData> found = spans.stream().filter(span -> span.getName().equals(name)).toList();
    if (found.size() != 1) {
      throw new AssertionError(found.size() + " spans are called " + name + " of " + spans);
    }
    return found.getFirst();
  }

  @Override
  public CompletableResultCode export(Collection<SpanData> ended) {
    spans.addAll(ended);
    return answers.get();
  }

  @Override
  public CompletableResultCode flush() {
    return CompletableResultCode.ofSuccess();
  }

  @Override
  public CompletableResultCode shutdown() {
    return CompletableResultCode.ofSuccess();
  }
}
