package dev.switchboard.gateway;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(
    packages = "dev.switchboard.gateway",
    importOptions = ImportOption.DoNotIncludeTests.class)
class PackageRulesTest {

  @ArchTest
  static final ArchRule theGatewayKnowsOfTheEngineOnlyTheApiAndTheTimeline =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.switchboard.executor..",
              "dev.switchboard.worker..",
              "dev.switchboard.scheduler..",
              "dev.switchboard.kv..",
              "dev.switchboard.gguf..",
              "dev.switchboard.tokenizer..",
              "dev.switchboard.chat..",
              "dev.switchboard.abi..");

  @ArchTest
  static final ArchRule routingIsPure =
      classes()
          .that()
          .resideInAPackage("dev.switchboard.gateway.routing..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "dev.switchboard.gateway.routing..",
              "dev.switchboard.gateway.slo..",
              "java.lang..",
              "java.util..",
              "org.jspecify..");

  @ArchTest
  static final ArchRule onlyBootAndTheBenchmarkReadTheClock =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "dev.switchboard.gateway.boot..", "dev.switchboard.gateway.bench..")
          .should()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(java.time.Instant.class, "now")
          .orShould()
          .callMethod(Thread.class, "sleep", long.class);

  @ArchTest
  static final ArchRule whatServesKnowsNothingOfTheBenchmark =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.switchboard.gateway.bench..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.switchboard.gateway.bench..");

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.switchboard.gateway.(*)..").should().beFreeOfCycles();
}
