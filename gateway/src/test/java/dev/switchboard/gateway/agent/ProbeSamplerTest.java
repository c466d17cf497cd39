package dev.switchboard.gateway.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingDecision;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProbeSamplerTest {
  private static final AttributeKey<String> PATH = AttributeKey.stringKey("url.path");

  @ParameterizedTest
  @CsvSource({
    "SERVER, /livez, true, DROP",
    "SERVER, /readyz, true, DROP",
    "SERVER, /metrics, true, DROP",
    "SERVER, /v1/chat/completions, true, RECORD_AND_SAMPLE",
    "SERVER, /v1/chat/completions, false, DROP",
    "SERVER, , true, RECORD_AND_SAMPLE",
    "CLIENT, /metrics, true, RECORD_AND_SAMPLE"
  })
  void probesAreLeftOutAndAboutOthersTheConfiguredOneDecides(
      SpanKind kind, String path, boolean on, SamplingDecision decision) {
    Sampler sampler = new ProbeSampler(on ? Sampler.alwaysOn() : Sampler.alwaysOff());
    Attributes attributes = path == null ? Attributes.empty() : Attributes.of(PATH, path);

    assertEquals(
        decision,
        sampler
            .shouldSample(Context.root(), "0".repeat(32), "GET", kind, attributes, List.of())
            .getDecision());
  }
}
