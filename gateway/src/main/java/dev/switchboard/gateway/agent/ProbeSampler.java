package dev.switchboard.gateway.agent;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.List;
import java.util.Set;

/**
 * Leaves out the agent's spans of probes and scrapes: one every few seconds from each who looks,
 * they would be most of what a search finds. About everything else the configured sampler decides.
 */
final class ProbeSampler implements Sampler {
  private static final AttributeKey<String> PATH = AttributeKey.stringKey("url.path");
  private static final Set<String> PROBES = Set.of("/livez", "/readyz", "/metrics");

  private final Sampler others;

  ProbeSampler(Sampler others) {
    this.others = others;
  }

  @Override
  public SamplingResult shouldSample(
      Context parent,
      String traceId,
      String name,
      SpanKind kind,
      Attributes attributes,
      List<LinkData> links) {
    String path = kind == SpanKind.SERVER ? attributes.get(PATH) : null;
    return path != null && PROBES.contains(path)
        ? SamplingResult.drop()
        : others.shouldSample(parent, traceId, name, kind, attributes, links);
  }

  @Override
  public String getDescription() {
    return "without probes: " + others.getDescription();
  }
}
