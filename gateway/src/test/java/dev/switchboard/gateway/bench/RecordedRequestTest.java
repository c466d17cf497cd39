package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.RecordedRequest.Extent;
import dev.switchboard.gateway.telemetry.Exported;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is timed is what is said to be timed. */
class RecordedRequestTest {
  private final Exported exporter = new Exported();
  private final List<SpanData> exported = exporter.spans();
  private final RecordedRequest request =
      new RecordedRequest(
          SdkTracerProvider.builder()
              .setSampler(Sampler.parentBased(Sampler.alwaysOff()))
              .addSpanProcessor(exporter.processor())
              .build()
              .get("test"));

  @ParameterizedTest
  @EnumSource
  void asManySpansAreMadeAsItSays(Extent told) {
    request.tell(request.begin(), told);
    request.tell(request.begin(), told);

    assertEquals(2 * told.spans(), exported.size());
  }

  @Test
  void everyRankOfPrefillAndDecodeHasASpanOfItsOwnWithAllThatIsEverSaidOfOne() {
    request.tell(request.begin(), Extent.RANKS);

    List<SpanData> ranks =
        exported.stream().filter(span -> span.getName().startsWith("stage ")).toList();
    assertEquals(RecordedRequest.RANK_SPANS, ranks.size());
    AttributeKey<String> last = AttributeKey.stringKey("switchboard.latest_at");
    assertTrue(ranks.stream().allMatch(span -> span.getAttributes().get(last) != null));
  }
}
