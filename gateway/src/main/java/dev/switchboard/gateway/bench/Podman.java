package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The program podman with a storage of its own, as far as pods need it. Safe on any thread. */
final class Podman {
  private final Path folder;
  private final String network;

  /**
   * @param folder of its storage and of the files of pods, with a {@code containers.conf}
   * @param network that pods are in, which is there
   */
  Podman(Path folder, String network) {
    this.folder = folder;
    this.network = network;
  }

  /** Makes what the documents describe; a pod runs afterwards. */
  void play(String name, List<JsonNode> documents) throws IOException {
    StringBuilder text = new StringBuilder();
    documents.forEach(document -> text.append("---\n").append(document).append('\n'));
    Path file = Files.writeString(folder.resolve(name + ".yaml"), text);
    run("kube", "play", "--network", network, file.toString());
  }

  /** The address of a pod. */
  String address(String pod) throws IOException {
    String infra = run("pod", "inspect", pod, "--format", "{{.InfraContainerID}}").strip();
    return run(
            "inspect",
            infra,
            "--format",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
        .strip();
  }

  /** Asks its containers to end, and insists after the grace. */
  void stop(String pod, int graceSeconds) throws IOException {
    run("pod", "stop", "--time", Integer.toString(graceSeconds), pod);
  }

  /** Ends its containers as a lost machine does. */
  void kill(String pod) throws IOException {
    run("pod", "kill", "--signal", "KILL", pod);
  }

  void remove(String pod) throws IOException {
    run("pod", "rm", "--force", "--time", "0", pod);
  }

  /** What a container wrote, both outputs. */
  String log(String pod, String container) throws IOException {
    return run("logs", pod + "-" + container);
  }

  private String run(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add("podman");
    command.addAll(List.of("--root", folder.resolve("storage").toString()));
    command.addAll(List.of("--runroot", folder.resolve("run").toString()));
    command.addAll(List.of("--network-config-dir", folder.resolve("networks").toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.directory(folder.toFile());
    builder.environment().put("CONTAINERS_CONF", folder.resolve("containers.conf").toString());
    builder.environment().put("PODMAN_IGNORE_CGROUPSV1_WARNING", "1");
    Process process = builder.start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new IOException(String.join(" ", arguments) + ": " + said.strip());
      }
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    return said;
  }
}
