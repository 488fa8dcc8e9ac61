// What the cases use of the generated code, which is in one module a server.
export {
  BadRequestSchema, ResourceInfoSchema, UserSchema, User_Status,
  cancelling, createAuthServiceClient, createHealthClient, createTestServiceClient, createUnimplementedServiceClient, createUserServiceClient,
  type AuthServiceClient, type CallOptions, type Requests, type Responses, type TestServiceClient, type UserServiceClient,
} from "./gen/client";
export {
  Closed, DetailSchema, EverythingSchema, Grade, ModernSchema, OldSchema, Old_InnerSchema, OrderSchema, Spice,
  createFunctionClient, createKitchenClient, createProbeClient, createoptionsClient, createrequestClient, createtransportClient, note, tags,
  type Everything, type Order, type ProbeClient, type Result,
} from "./probe/client";
