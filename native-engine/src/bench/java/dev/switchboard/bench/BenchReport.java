package dev.switchboard.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Shows results as Markdown tables and as JSON. */
final class BenchReport {
  private final String machine;
  private final int[] batches;
  private final List<ModelResult> results = new ArrayList<>();

  BenchReport(String machine, int[] batches) {
    this.machine = machine;
    this.batches = batches.clone();
  }

  void add(ModelResult result) {
    results.add(result);
  }

  void print(PrintStream out) {
    out.println(machine);
    out.println();
    MarkdownTable.print(out, engineHeads(), results.stream().map(this::engineCells).toList());
    if (results.stream().anyMatch(result -> result.peer != null)) {
      out.println();
      out.println("Beside llama.cpp in the same rounds, tokens per second: ours / its = ratio.");
      out.println();
      MarkdownTable.print(out, peerHeads(), results.stream().map(this::peerCells).toList());
    }
  }

  private List<String> engineHeads() {
    List<String> heads = new ArrayList<>();
    heads.addAll(List.of("model", "MiB per token", "load to first token", "prefill"));
    heads.addAll(List.of("first token", "of int8 peak", "of BF16 peak"));
    heads.addAll(List.of("decode", "GB/s", "of read"));
    for (int i = 1; i < batches.length; i++) {
      heads.add("batch " + batches[i]);
    }
    if (besideBusyCore()) {
      heads.add("beside a busy core");
    }
    return heads;
  }

  private List<String> engineCells(ModelResult result) {
    Speeds ours = result.ours;
    double single = ours.decode[0].median();
    List<String> cells = new ArrayList<>();
    cells.add(result.model);
    cells.add(rounded(result.bytesPerToken / 1048576.0, 1));
    cells.add(rounded(result.loadSeconds.median(), 2) + " s");
    cells.add(rounded(ours.prefill.median(), 0) + " t/s");
    cells.add(rounded(result.firstTokenMs.median(), 0) + " ms");
    cells.add(percent(result.shareOfInt8.median()));
    cells.add(percent(result.shareOfBf16.median()));
    cells.add(rounded(single, 1) + " t/s");
    cells.add(rounded(single / batches[0] * result.bytesPerToken / 1e9, 1));
    cells.add(percent(result.shareOfRead.median()));
    for (int i = 1; i < batches.length; i++) {
      cells.add(rounded(ours.decode[i].median(), 0) + " t/s");
    }
    if (besideBusyCore()) {
      cells.add(busyShare(ours));
    }
    return cells;
  }

  private boolean besideBusyCore() {
    return results.stream().anyMatch(r -> !r.ours.decodeBesideBusyCore.isEmpty());
  }

  private List<String> peerHeads() {
    List<String> heads = new ArrayList<>(List.of("model", "prefill"));
    for (int batch : batches) {
      heads.add(batch == 1 ? "decode" : "batch " + batch);
    }
    if (besideBusyCore()) {
      heads.add("ours beside a busy core");
      heads.add("its");
    }
    return heads;
  }

  private List<String> peerCells(ModelResult result) {
    List<String> cells = new ArrayList<>();
    cells.add(result.model);
    Speeds peer = result.peer;
    if (peer == null) {
      return cells;
    }
    cells.add(beside(result.ours.prefill, peer.prefill));
    for (int i = 0; i < batches.length; i++) {
      cells.add(beside(result.ours.decode[i], peer.decode[i]));
    }
    if (besideBusyCore()) {
      cells.add(busyShare(result.ours));
      cells.add(busyShare(peer));
    }
    return cells;
  }

  private static String beside(Samples ours, Samples its) {
    double a = ours.median();
    double b = its.median();
    return rounded(a, 0) + " / " + rounded(b, 0) + " = " + rounded(a / b, 2);
  }

  private static String busyShare(Speeds speeds) {
    double busy = speeds.decodeBesideBusyCore.median();
    return rounded(busy, 1) + " t/s, " + percent(speeds.busyShare.median());
  }

  private static String percent(double share) {
    return Double.isNaN(share) ? "" : rounded(share * 100, 0) + " %";
  }

  private static String rounded(double value, int decimals) {
    return Double.isFinite(value)
        ? BigDecimal.valueOf(value).setScale(decimals, RoundingMode.HALF_UP).toPlainString()
        : "?";
  }

  /** Every sample, so that other statistics than medians can be made later. */
  void write(Path file) throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = json.createObjectNode();
    root.put("machine", machine);
    root.put("unit", "tokens per second, bytes per second, multiply-adds per second, or as named");
    ArrayNode models = root.putArray("models");
    results.forEach(result -> write(models.addObject(), result));
    json.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), root);
  }

  private void write(ObjectNode node, ModelResult result) {
    node.put("model", result.model);
    node.put("bytes_per_token", result.bytesPerToken);
    node.put("macs_per_prompt_token", result.macsPerToken);
    samples(node, "read_bandwidth", result.readBandwidth);
    samples(node, "int8_peak", result.int8Peak);
    samples(node, "bf16_peak", result.bf16Peak);
    samples(node, "load_to_first_token_seconds", result.loadSeconds);
    samples(node, "first_token_ms", result.firstTokenMs);
    samples(node, "decode_share_of_read", result.shareOfRead);
    samples(node, "prefill_share_of_int8", result.shareOfInt8);
    samples(node, "prefill_share_of_bf16", result.shareOfBf16);
    speeds(node.putObject("engine"), result.ours);
    if (result.peer != null) {
      speeds(node.putObject("llama_cpp"), result.peer);
    }
  }

  private void speeds(ObjectNode node, @Nullable Speeds speeds) {
    if (speeds == null) {
      return;
    }
    samples(node, "prefill", speeds.prefill);
    for (int i = 0; i < batches.length; i++) {
      samples(node, "decode_" + batches[i], speeds.decode[i]);
    }
    samples(node, "decode_beside_busy_core", speeds.decodeBesideBusyCore);
    samples(node, "share_beside_busy_core", speeds.busyShare);
  }

  private static void samples(ObjectNode node, String name, Samples samples) {
    if (samples.isEmpty()) {
      return;
    }
    ObjectNode values = node.putObject(name);
    values.put("median", samples.median());
    ArrayNode all = values.putArray("samples");
    for (double value : samples.values()) {
      all.add(value);
    }
  }
}
