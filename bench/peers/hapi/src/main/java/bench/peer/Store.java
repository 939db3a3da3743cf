package bench.peer;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.binstore.DatabaseBinaryContentStorageSvcImpl;
import ca.uhn.fhir.jpa.config.HibernatePropertiesProvider;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.config.util.ResourceCountCacheUtil;
import ca.uhn.fhir.jpa.dao.FulltextSearchSvcImpl;
import ca.uhn.fhir.jpa.dao.IFulltextSearchSvc;
import ca.uhn.fhir.jpa.dao.search.HSearchSortHelperImpl;
import ca.uhn.fhir.jpa.dao.search.IHSearchSortHelper;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirPostgresDialect;
import ca.uhn.fhir.jpa.search.IStaleSearchDeletingSvc;
import ca.uhn.fhir.jpa.search.StaleSearchDeletingSvcImpl;
import ca.uhn.fhir.jpa.subscription.match.deliver.email.IEmailSender;
import ca.uhn.fhir.jpa.util.ResourceCountCache;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import jakarta.persistence.EntityManagerFactory;
import java.util.HashMap;
import java.util.Map;
import javax.sql.DataSource;
import org.hibernate.dialect.Dialect;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/** What HAPI stores and how. Everything that is not named here is as HAPI has it by default. */
@Configuration
@Import(ThreadPoolFactoryConfig.class)
public class Store {

    /** Ids are the client's own, of any form; references need not lead anywhere yet: as the other server. */
    @Bean
    JpaStorageSettings storageSettings() {
        var settings = new JpaStorageSettings();
        settings.setResourceClientIdStrategy(JpaStorageSettings.ClientIdStrategyEnum.ANY);
        settings.setResourceServerIdStrategy(JpaStorageSettings.IdStrategyEnum.UUID);
        settings.setEnforceReferentialIntegrityOnWrite(false);
        settings.setEnforceReferentialIntegrityOnDelete(false);
        settings.setAllowExternalReferences(true);
        settings.setAllowContainsSearches(true);
        return settings;
    }

    @Bean
    PartitionSettings partitionSettings() {
        return new PartitionSettings();
    }

    @Bean
    SubscriptionSettings subscriptionSettings() {
        return new SubscriptionSettings();
    }

    @Bean
    @Primary
    LocalContainerEntityManagerFactoryBean entityManagerFactory(
            ConfigurableListableBeanFactory beans,
            FhirContext context,
            JpaStorageSettings settings,
            DataSource source) {
        var factory = HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, context, settings);
        Map<String, Object> properties = new HashMap<>();
        properties.put("hibernate.dialect", HapiFhirPostgresDialect.class.getName());
        properties.put("hibernate.hbm2ddl.auto", "update");
        properties.put("hibernate.jdbc.batch_size", "20");
        properties.put("hibernate.cache.use_query_cache", "false");
        properties.put("hibernate.cache.use_second_level_cache", "false");
        properties.put("hibernate.search.enabled", "false");
        factory.setPersistenceUnitName("peer");
        factory.setJpaPropertyMap(properties);
        factory.setDataSource(source);
        return factory;
    }

    @Bean
    @Primary
    JpaTransactionManager transactionManager(EntityManagerFactory factory) {
        return new JpaTransactionManager(factory);
    }

    @Bean
    @Primary
    HibernatePropertiesProvider dialect() {
        var dialect = new HapiFhirPostgresDialect();
        return new HibernatePropertiesProvider() {
            @Override
            public Dialect getDialect() {
                return dialect;
            }
        };
    }

    @Bean
    DatabaseBinaryContentStorageSvcImpl binaries() {
        return new DatabaseBinaryContentStorageSvcImpl();
    }

    @Bean
    IFulltextSearchSvc fullText() {
        return new FulltextSearchSvcImpl();
    }

    @Bean
    IHSearchSortHelper sortHelper(ISearchParamRegistry registry) {
        return new HSearchSortHelperImpl(registry);
    }

    @Bean
    IStaleSearchDeletingSvc staleSearches() {
        return new StaleSearchDeletingSvcImpl();
    }

    @Bean(name = "myResourceCountsCache")
    ResourceCountCache counts(IFhirSystemDao<?, ?> system) {
        return ResourceCountCacheUtil.newResourceCountCache(system);
    }

    @Bean
    IEmailSender emails() {
        return details -> {};
    }
}
