package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.ToldRequest.Told;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is timed is what is said to be timed. */
class ToldRequestTest {
  private final List<SpanData> exported = new ArrayList<>();
  private final ToldRequest request =
      new ToldRequest(
          SdkTracerProvider.builder()
              .setSampler(Sampler.parentBased(Sampler.alwaysOff()))
              .addSpanProcessor(SimpleSpanProcessor.create(new Exporter()))
              .build()
              .get("test"));

  private final class Exporter implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      exported.addAll(spans);
      return CompletableResultCode.ofSuccess();
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

  @ParameterizedTest
  @EnumSource
  void asManySpansAreMadeAsItSays(Told told) {
    request.tell(request.begin(), told);
    request.tell(request.begin(), told);

    assertEquals(2 * told.spans(), exported.size());
  }

  @Test
  void everyRankOfPrefillAndDecodeHasASpanOfItsOwnWithAllThatIsEverSaidOfOne() {
    request.tell(request.begin(), Told.RANKS);

    List<SpanData> ranks =
        exported.stream().filter(span -> span.getName().startsWith("stage ")).toList();
    assertEquals(ToldRequest.RANK_SPANS, ranks.size());
    AttributeKey<String> last = AttributeKey.stringKey("switchboard.latest_at");
    assertTrue(ranks.stream().allMatch(span -> span.getAttributes().get(last) != null));
  }
}
