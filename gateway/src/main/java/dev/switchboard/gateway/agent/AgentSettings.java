package dev.switchboard.gateway.agent;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import org.jspecify.annotations.Nullable;

/**
 * Puts the counting around the agent's exporters and around the processor that queues for them,
 * which without an exporter does nothing, takes probes out of what its sampler decides, and bounds
 * what callers decide of it. The agent finds it as a service, and calls it on one thread before the
 * application begins.
 */
public final class AgentSettings implements AutoConfigurationCustomizerProvider {
  /** The agent's own, where no setting says. */
  private static final int USUAL_PLACES = 2048;

  /** Exporters that write to a log, for people who look at single spans, and do not queue. */
  private static final String LOGS = "io.opentelemetry.exporter.logging.";

  private @Nullable SpanCounts counts;

  @Override
  public void customize(AutoConfigurationCustomizer agent) {
    agent.addSpanExporterCustomizer(this::counted);
    agent.addSpanProcessorCustomizer(this::counted);
    agent.addSamplerCustomizer(AgentSettings::bounded);
  }

  private static Sampler bounded(Sampler configured, ConfigProperties config) {
    int perSecond = config.getInt(CallerSampler.SETTING, CallerSampler.USUAL_PER_SECOND);
    return new ProbeSampler(new CallerSampler(configured, perSecond, System::nanoTime));
  }

  private SpanExporter counted(SpanExporter exporter, ConfigProperties config) {
    // A changed exporter that does nothing would be taken for one that does something.
    if (config.getList("otel.traces.exporter").contains("none")
        || exporter.getClass().getName().startsWith(LOGS)) {
      return exporter;
    }
    SpanCounts known = counts;
    boolean first = known == null;
    if (known == null) {
      known = new SpanCounts(config.getInt("otel.bsp.max.queue.size", USUAL_PLACES));
      known.publish();
      counts = known;
    }
    return new CountedExporter(exporter, known, first);
  }

  /** Exporters are made before their processor. */
  private SpanProcessor counted(SpanProcessor processor, ConfigProperties config) {
    SpanCounts known = counts;
    return known == null || !(processor instanceof BatchSpanProcessor)
        ? processor
        : new CountedProcessor(processor, known);
  }
}
