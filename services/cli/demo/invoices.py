"""The invoices of the demo, from fictional companies: KSeF's FA(3), UBL and CII.

No tax office has the number 999, and no bank the number 00000000.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

OUR_NIP = "9993416726"


@dataclass(frozen=True)
class DemoInvoice:
    """An invoice with one line. `rate` is the VAT in percent."""

    number: str
    seller: str
    seller_tax_id: str
    item: str
    net: Decimal
    rate: int
    account: str
    currency: str = "PLN"
    issued: date = date(2026, 11, 20)
    due: date = date(2026, 12, 4)

    @property
    def tax(self) -> Decimal:
        return (self.net * self.rate / 100).quantize(Decimal("0.01"))

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


PRINTING = DemoInvoice(
    number="12/2026",
    seller="Drukarnia Lisia",
    seller_tax_id="9990443243",
    item="Druk materiałów",
    net=Decimal("1000.00"),
    rate=23,
    account="PL19000000004519568323741840",
)
POSTERS = DemoInvoice(
    number="13/2026",
    seller="Drukarnia Lisia",
    seller_tax_id="9990443243",
    item="Plakaty",
    net=Decimal("2000.00"),
    rate=23,
    account="PL34000000006946723440107488",
)
PAPER = DemoInvoice(
    number="INV-2041",
    seller="Paperworks",
    seller_tax_id="IE0000000XX",
    item="Paper and delivery",
    net=Decimal("1250.00"),
    rate=0,
    account="PL26000000003742569583510349",
    currency="EUR",
)

_FA3 = """\
<?xml version="1.0" encoding="UTF-8"?>
<Faktura xmlns="http://crd.gov.pl/wzor/2025/06/25/13775/">
  <Naglowek>
    <KodFormularza kodSystemowy="FA (3)" wersjaSchemy="1-0E">FA</KodFormularza>
    <WariantFormularza>3</WariantFormularza>
    <DataWytworzeniaFa>{invoice.issued}T10:00:00Z</DataWytworzeniaFa>
  </Naglowek>
  <Podmiot1>
    <DaneIdentyfikacyjne>
      <NIP>{invoice.seller_tax_id}</NIP><Nazwa>{invoice.seller}</Nazwa>
    </DaneIdentyfikacyjne>
    <Adres><KodKraju>PL</KodKraju><AdresL1>ul. Przykładowa 1</AdresL1></Adres>
  </Podmiot1>
  <Podmiot2>
    <DaneIdentyfikacyjne><NIP>{buyer}</NIP><Nazwa>Demo Office</Nazwa></DaneIdentyfikacyjne>
    <Adres><KodKraju>PL</KodKraju><AdresL1>ul. Przykładowa 2</AdresL1></Adres>
    <JST>2</JST><GV>2</GV>
  </Podmiot2>
  <Fa>
    <KodWaluty>{invoice.currency}</KodWaluty>
    <P_1>{invoice.issued}</P_1>
    <P_2>{invoice.number}</P_2>
    <P_13_1>{invoice.net}</P_13_1><P_14_1>{invoice.tax}</P_14_1><P_15>{invoice.gross}</P_15>
    <Adnotacje>
      <P_16>2</P_16><P_17>2</P_17><P_18>2</P_18><P_18A>2</P_18A>
      <Zwolnienie><P_19N>1</P_19N></Zwolnienie>
      <NoweSrodkiTransportu><P_22N>1</P_22N></NoweSrodkiTransportu>
      <P_23>2</P_23>
      <PMarzy><P_PMarzyN>1</P_PMarzyN></PMarzy>
    </Adnotacje>
    <RodzajFaktury>VAT</RodzajFaktury>
    <FaWiersz>
      <NrWierszaFa>1</NrWierszaFa><P_7>{invoice.item}</P_7>
      <P_11>{invoice.net}</P_11><P_12>{invoice.rate}</P_12>
    </FaWiersz>
    <Platnosc>
      <TerminPlatnosci><Termin>{invoice.due}</Termin></TerminPlatnosci>
      <FormaPlatnosci>6</FormaPlatnosci>
      <RachunekBankowy><NrRB>{invoice.account}</NrRB></RachunekBankowy>
    </Platnosc>
  </Fa>
</Faktura>
"""
_UBL = """\
<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
    xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
    xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:ID>{invoice.number}</cbc:ID>
  <cbc:IssueDate>{invoice.issued}</cbc:IssueDate>
  <cbc:DueDate>{invoice.due}</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>{invoice.currency}</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty><cac:Party>
    <cac:PartyTaxScheme>
      <cbc:CompanyID>PL{invoice.seller_tax_id}</cbc:CompanyID>
      <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
    </cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>{invoice.seller}</cbc:RegistrationName></cac:PartyLegalEntity>
  </cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty><cac:Party>
    <cac:PartyTaxScheme>
      <cbc:CompanyID>PL{buyer}</cbc:CompanyID>
      <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
    </cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>Demo Office</cbc:RegistrationName></cac:PartyLegalEntity>
  </cac:Party></cac:AccountingCustomerParty>
  <cac:PaymentMeans>
    <cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
    <cac:PayeeFinancialAccount><cbc:ID>{invoice.account}</cbc:ID></cac:PayeeFinancialAccount>
  </cac:PaymentMeans>
  <cac:TaxTotal><cbc:TaxAmount currencyID="{invoice.currency}">{invoice.tax}</cbc:TaxAmount></cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="{invoice.currency}">{invoice.net}</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="{invoice.currency}">{invoice.net}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="{invoice.currency}">{invoice.gross}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="{invoice.currency}">{invoice.gross}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  <cac:InvoiceLine>
    <cbc:ID>1</cbc:ID>
    <cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="{invoice.currency}">{invoice.net}</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>{invoice.item}</cbc:Name></cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="{invoice.currency}">{invoice.net}</cbc:PriceAmount></cac:Price>
  </cac:InvoiceLine>
</Invoice>
"""
_CII = """\
<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice
    xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
    xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
    xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
  <rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>
    <ram:ID>urn:factur-x.eu:1p0:basicwl</ram:ID>
  </ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
  <rsm:ExchangedDocument>
    <ram:ID>{invoice.number}</ram:ID>
    <ram:TypeCode>380</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">{invoice.issued:%Y%m%d}</udt:DateTimeString></ram:IssueDateTime>
  </rsm:ExchangedDocument>
  <rsm:SupplyChainTradeTransaction>
    <ram:ApplicableHeaderTradeAgreement>
      <ram:SellerTradeParty>
        <ram:Name>{invoice.seller}</ram:Name>
        <ram:PostalTradeAddress><ram:CountryID>IE</ram:CountryID></ram:PostalTradeAddress>
        <ram:SpecifiedTaxRegistration>
          <ram:ID schemeID="VA">{invoice.seller_tax_id}</ram:ID>
        </ram:SpecifiedTaxRegistration>
      </ram:SellerTradeParty>
      <ram:BuyerTradeParty>
        <ram:Name>Demo Office</ram:Name>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">PL{buyer}</ram:ID></ram:SpecifiedTaxRegistration>
      </ram:BuyerTradeParty>
    </ram:ApplicableHeaderTradeAgreement>
    <ram:ApplicableHeaderTradeDelivery/>
    <ram:ApplicableHeaderTradeSettlement>
      <ram:InvoiceCurrencyCode>{invoice.currency}</ram:InvoiceCurrencyCode>
      <ram:SpecifiedTradeSettlementPaymentMeans>
        <ram:TypeCode>30</ram:TypeCode>
        <ram:PayeePartyCreditorFinancialAccount>
          <ram:IBANID>{invoice.account}</ram:IBANID>
        </ram:PayeePartyCreditorFinancialAccount>
      </ram:SpecifiedTradeSettlementPaymentMeans>
      <ram:ApplicableTradeTax>
        <ram:CalculatedAmount>{invoice.tax}</ram:CalculatedAmount>
        <ram:TypeCode>VAT</ram:TypeCode>
        <ram:ExemptionReason>Reverse charge</ram:ExemptionReason>
        <ram:BasisAmount>{invoice.net}</ram:BasisAmount>
        <ram:CategoryCode>AE</ram:CategoryCode>
        <ram:RateApplicablePercent>{invoice.rate}</ram:RateApplicablePercent>
      </ram:ApplicableTradeTax>
      <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime>
        <udt:DateTimeString format="102">{invoice.due:%Y%m%d}</udt:DateTimeString>
      </ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        <ram:LineTotalAmount>{invoice.net}</ram:LineTotalAmount>
        <ram:TaxBasisTotalAmount>{invoice.net}</ram:TaxBasisTotalAmount>
        <ram:TaxTotalAmount currencyID="{invoice.currency}">{invoice.tax}</ram:TaxTotalAmount>
        <ram:GrandTotalAmount>{invoice.gross}</ram:GrandTotalAmount>
        <ram:DuePayableAmount>{invoice.gross}</ram:DuePayableAmount>
      </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    </ram:ApplicableHeaderTradeSettlement>
  </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>
"""


def fa3(invoice: DemoInvoice) -> bytes:
    """As KSeF keeps it."""
    return _FA3.format(invoice=invoice, buyer=OUR_NIP).encode()


def ubl(invoice: DemoInvoice) -> bytes:
    """As Peppol carries it, from a Polish seller."""
    return _UBL.format(invoice=invoice, buyer=OUR_NIP).encode()


def cii(invoice: DemoInvoice) -> bytes:
    """As Factur-X embeds it in a PDF (profile BASIC WL)."""
    return _CII.format(invoice=invoice, buyer=OUR_NIP).encode()
