package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.agent.SpanCounts;
import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import java.lang.management.ManagementFactory;
import java.util.OptionalDouble;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;

/**
 * What became of the spans that the agent was given, as its extension counts them; nothing where
 * none are exported. Read at each scrape.
 */
final class AgentSpans {
  private final ObjectName counts;

  AgentSpans() {
    try {
      counts = new ObjectName(SpanCounts.NAME);
    } catch (MalformedObjectNameException e) {
      throw new IllegalStateException("a constant", e);
    }
  }

  void results(CounterWithCallback.Callback to) {
    read("Exported").ifPresent(spans -> to.call(spans, "exported"));
    read("Failed").ifPresent(spans -> to.call(spans, "failed"));
    read("Dropped").ifPresent(spans -> to.call(spans, "dropped"));
  }

  void queued(GaugeWithCallback.Callback to) {
    read("Queued").ifPresent(to::call);
  }

  private OptionalDouble read(String attribute) {
    try {
      // Its first use takes time, which a start does not have.
      var server = ManagementFactory.getPlatformMBeanServer();
      return OptionalDouble.of((double) (Long) server.getAttribute(counts, attribute));
    } catch (InstanceNotFoundException none) {
      return OptionalDouble.empty();
    } catch (JMException e) {
      throw new IllegalStateException("the agent's extension is of another version", e);
    }
  }
}
