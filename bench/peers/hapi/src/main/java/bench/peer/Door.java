package bench.peer;

import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.api.IDaoRegistry;
import ca.uhn.fhir.jpa.provider.DaoRegistryResourceSupportedSvc;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.ValueSetOperationProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.IResourceSupportedSvc;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What HAPI answers over HTTP: every resource type, transactions, terminology, bulk export. Nobody is asked who they are. */
@Configuration
public class Door {

    @Bean
    RestfulServer server(
            IFhirSystemDao<?, ?> system,
            IJpaSystemProvider systemProvider,
            ResourceProviderFactory resources,
            JpaStorageSettings settings,
            ISearchParamRegistry registry,
            IValidationSupport support,
            DatabaseBackedPagingProvider paging,
            ValueSetOperationProvider valueSets,
            BulkDataExportProvider export,
            DaoRegistry daos) {
        var server = new RestfulServer(system.getContext());
        server.registerProviders(resources.createProviders());
        server.registerProvider(systemProvider);
        server.registerProvider(valueSets);
        server.registerProvider(export);
        server.setServerConformanceProvider(
                new JpaCapabilityStatementProvider(server, system, settings, registry, support));
        server.setPagingProvider(paging);
        server.setDefaultResponseEncoding(EncodingEnum.JSON);
        server.setDefaultPrettyPrint(false);
        return server;
    }

    @Bean
    DatabaseBackedPagingProvider paging() {
        var paging = new DatabaseBackedPagingProvider();
        paging.setDefaultPageSize(20);
        paging.setMaximumPageSize(1000);
        return paging;
    }

    @Bean
    IResourceSupportedSvc supported(IDaoRegistry daos) {
        return new DaoRegistryResourceSupportedSvc(daos);
    }
}
